"""Automations of the Prefect server: runs whose process died are marked crashed, and that is notified.

Runs that fail tell it themselves (`flows.notices`).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from karma_core.json_types import JsonObject

SILENT: Final = "karma: runs whose process has gone"
FAILURES: Final = "karma: failures"
BLOCK: Final = "karma-failures"
BEAT: Final = "prefect.flow-run.heartbeat"
SILENCE: Final = timedelta(seconds=90)
"""Three missed beats of PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30, as Prefect's guide to zombie runs has it."""
ENDS: Final = tuple(f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed"))
OURS: Final[JsonObject] = {
    "prefect.resource.role": "tag",
    "prefect.resource.id": "prefect.tag.karma",
}
NOTICE: Final = {
    "flow": "{{ flow.name }}",
    "run": "{{ flow_run.name }}",
    "flow_run_id": "{{ flow_run.id }}",
    "state": "{{ flow_run.state.name }}",
    "url": "{{ flow_run|ui_url }}",
}
"""What is posted: the same as by `flows.notices`."""


def register_automations(client: SyncPrefectClient, notice_url: str) -> None:
    """Bring Karma's automations up to date; without a `notice_url` crashes are not notified."""
    _replace(client, SILENT, _silent())
    _replace(client, FAILURES, _failures(notice_url) if notice_url else None)


def _silent() -> AutomationCore:
    """Return the automation that marks a run crashed once its heartbeats stop before its end."""
    return AutomationCore(
        name=SILENT,
        description="Marks a run as crashed that stopped sending heartbeats.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=OURS,
            after={BEAT},
            expect={BEAT, *ENDS},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                force=False,
                state=StateType.CRASHED,
                message="No heartbeat: its process has gone. The reconciler says how it goes on.",
            )
        ],
    )


def _failures(notice_url: str) -> AutomationCore:
    """Return the automation that posts every crashed run, as JSON."""
    block = Webhook(method="POST", url=SecretStr(notice_url))
    saved: Any = block.save(BLOCK, overwrite=True)
    return AutomationCore(
        name=FAILURES,
        description="Posts each crashed run to service.notice_url.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=OURS,
            expect={"prefect.flow-run.Crashed"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=saved, payload=json.dumps(NOTICE))],
    )


def _replace(client: SyncPrefectClient, name: str, wanted: AutomationCore | None) -> None:
    for automation in client.read_automations_by_name(name):
        client.delete_automation(automation.id)
    if wanted is not None:
        client.create_automation(wanted)
