"""Resources that a killed Terraform may have created: nothing is planned or applied as if it had not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from karma_core.errors import DeployFailed

MAYBE_CREATED: Final = "maybe-created"
"""Code of the error and of the finding, and the kind that `karma doctor --accept` takes."""


def maybe_created(address: str, resources: Sequence[str], *, why: str = "") -> DeployFailed:
    """The error of a component whose state may lack these resources; `why` is what the tool said last."""
    cause = "Terraform was killed while it created this, and the state lacks it: it may exist"
    return DeployFailed(
        f"{MAYBE_CREATED}: {', '.join(resources)} of {address}",
        why=f"{cause}\n{why}" if why else cause,
        next_step="look for it where it would be; import it into the state, or see that it is gone; then "
        f"`karma doctor --accept {MAYBE_CREATED}:{address}`",
        code=MAYBE_CREATED,
        component=address,
        resources=list(resources),
    )
