"""Names of the steps of a component in a run: in the journal, in the log, as Prefect's tasks."""

from __future__ import annotations

from typing import Final

PLAN: Final = "plan"
APPLY: Final = "apply"
PROPAGATE: Final = "propagate"
RELOAD: Final = "reload"
DESTROY: Final = "destroy"
