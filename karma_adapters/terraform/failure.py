"""A failed Terraform command as an error for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from karma_adapters.processes.children import Finished
from karma_adapters.terraform import masking
from karma_core.errors import DeployFailed

LINES: Final = 20
"""Lines of the tool's output in the message. Ours: an error with its source excerpt has about ten."""
_KNOWN: Final = (
    (
        "Error acquiring the state lock",
        "state-locked",
        "wait until the other Terraform has ended; if it died, `terraform force-unlock` with the lock's id",
    ),
    (
        "errored.tfstate",
        "state-unsaved",
        "see to it that the state's place can be written, then deploy again: the state is kept, and taken up",
    ),
    ("Saved plan is stale", "stale-plan", "plan again: the state has changed since"),
    (
        "does not match the Terraform version",
        "stale-plan",
        "plan again: the plan was made by another version of Terraform",
    ),
)
"""(text in the tool's output, our code, what to do)."""
_LOCK: Final = re.compile(r"^\W*(ID|Operation|Who|Created):\s+(\S.*?)\s*$", re.MULTILINE)


def failed(address: str, command: str, ended: Finished, secrets: Iterable[str] = ()) -> DeployFailed:
    """Return the error with the last lines of the tool's output, secrets masked."""
    output = masking.Redaction(secrets).text(ended.err.strip() or ended.out.strip())
    tail = "\n".join(output.splitlines()[-LINES:])
    if ended.stopped:
        return DeployFailed(
            f"terraform {command} of {address} was interrupted",
            why=tail,
            next_step="deploy again; what had been done is found in the state",
            code="interrupted",
            component=address,
            command=command,
        )
    code, advice = next(
        ((code, advice) for text, code, advice in _KNOWN if text in output),
        ("deploy-failed", "correct the config or the module and run the command again"),
    )
    lock = {"lock": lock_of(output)} if code == "state-locked" else {}
    return DeployFailed(
        f"terraform {command} of {address} failed (exit code {ended.code})",
        why=tail,
        next_step=advice,
        code=code,
        component=address,
        command=command,
        exit_code=ended.code,
        **lock,
    )


def lock_of(output: str) -> dict[str, str]:
    """Parse Terraform's message about a held lock: id, operation, who, and `created` as ISO 8601."""
    lock = {name.lower(): value for name, value in _LOCK.findall(output)}
    date, _, rest = lock.get("created", "").partition(" ")
    time = rest.partition(" ")[0]
    return {**lock, "created": f"{date}T{time[:15]}+00:00"} if time else lock
