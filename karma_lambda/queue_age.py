"""How long the oldest queued change has waited: a metric for an alarm, told whenever readiness is asked for.

The deployment asks every five minutes. Where nobody takes orders, changes stay queued: that is what it shows.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from karma_core.changes.record import Change
from karma_core.changes.states import KIND, State
from karma_core.decoding import convert
from karma_core.errors import KarmaError
from karma_core.use_cases.changes import open_index
from karma_core.workspace import OpenEnvironment
from karma_lambda.counting import NAMESPACE

METRIC: Final = "OldestQueuedChangeSeconds"


def tell(workspace: OpenEnvironment) -> None:
    """Write the metric of an environment; nothing where the state store does not answer."""
    with suppress(KarmaError):
        seconds = oldest_queued_seconds(workspace)
        metrics = Metrics(namespace=NAMESPACE)
        metrics.add_dimension("environment", workspace.name)
        metrics.add_metric(METRIC, MetricUnit.Seconds, seconds)
        metrics.flush_metrics()


def oldest_queued_seconds(workspace: OpenEnvironment) -> float:
    """Seconds since the change was queued that has been queued longest; 0 where none is. O(open changes)."""
    documents = (workspace.state.document(KIND, change_id) for change_id in open_index.read(workspace.state))
    changes = [convert(document.body, Change) for document in documents if document is not None]
    queued = [datetime.fromisoformat(one.updated_at) for one in changes if one.status == State.QUEUED]
    return max(0.0, (workspace.clock() - min(queued)).total_seconds()) if queued else 0.0
