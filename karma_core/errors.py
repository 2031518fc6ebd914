"""Every error that Karma raises on purpose.

::

    KarmaError
    ├── UsageError            user    the call itself is wrong (a name, an option, a setting)
    │   └── SettingsError     user    karma.toml or an environment variable cannot be used
    ├── BadInput              user    a config, a file or a value is not what it must be
    ├── ValidationFailed      user    the graph has findings of severity error
    ├── NotFound              user    an address, build, plan, run or change does not exist
    ├── Refused               user    a rule says no (consumers live, environment mismatch, protection)
    ├── Conflict              user    somebody else was faster: a version or a build has moved
    │   ├── LeaseHeld         user    another run holds what this one needs
    │   └── StaleLease        system  a writer whose fencing token is no longer the highest
    ├── DeployFailed          user    Terraform or a reload action failed
    │   └── PlanDeferred      user    … because an input is unknown until apply
    ├── LogTampered           system  the log's chain does not verify
    └── StoreError            system  a store failed
        └── StoreUnavailable  system  … and the call may be tried again

A message has three parts: what failed and where, why, and what to do next. Exit codes and HTTP statuses
are chosen from the class in exactly two places (`karma_cli.exits`, `karma_api.problems`).
Foreign errors are translated where they enter, in an adapter, with their cause kept.
"""

from __future__ import annotations

from typing import ClassVar

from karma_core.json_types import JsonObject, JsonValue


class KarmaError(Exception):
    """An error for people.

    `what` says what failed and where, `why` the reason, `next_step` what to do about it. `code` is stable;
    `facts` are its details for machines (JSON values only, never a secret).
    """

    code: ClassVar[str] = "error"
    fault: ClassVar[str] = "user"

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", code: str | None = None, **facts: JsonValue
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step
        self.facts = facts
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may be more precise than its class

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        return "\n".join(parts)

    def document(self) -> JsonObject:
        """The error as one JSON object: code, message, why, next, fault and the facts."""
        return {
            "code": self.code,
            "message": self.what,
            "why": self.why,
            "next": self.next_step,
            "fault": self.fault,
            **self.facts,
        }


class UsageError(KarmaError):
    """The call is wrong."""

    code = "usage"


class SettingsError(UsageError):
    """A setting cannot be used."""

    code = "settings"


class BadInput(KarmaError):
    """A config, a file or a value is not what it must be; `code` is the finding's code."""

    code = "bad-input"


class ValidationFailed(KarmaError):
    """The graph has errors; `findings` holds them as JSON objects."""

    code = "validation"


class NotFound(KarmaError):
    """The requested thing does not exist."""

    code = "not-found"


class Refused(KarmaError):
    """A rule forbids the action."""

    code = "refused"


class Conflict(KarmaError):
    """Something has changed since it was read."""

    code = "conflict"


class LeaseHeld(Conflict):
    """Another holder has the lease; `names` and `holder` say which and who."""

    code = "lease-held"


class StaleLease(Conflict):
    """The writer's fencing token is older than one that the store has seen."""

    code = "stale-lease"
    fault = "system"


class DeployFailed(KarmaError):
    """Terraform or a reload action failed."""

    code = "deploy-failed"


class PlanDeferred(DeployFailed):
    """A plan with unknown inputs that cannot be made before they are known; `why` says what is unknown."""

    code = "plan-deferred"


class LogTampered(KarmaError):
    """The log's chain does not verify."""

    code = "log-tampered"
    fault = "system"


class StoreError(KarmaError):
    """A store failed."""

    code = "store"
    fault = "system"


class StoreUnavailable(StoreError):
    """A store could not be reached in time; nothing is known to have been written."""

    code = "store-unavailable"
