"""The order that every kind of reload action receives, and its placeholders in texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from karma_core.errors import DeployFailed
from karma_core.json_types import JsonObject, JsonValue

_PLACE: Final = re.compile(r"\{(address|nickname|environment|key)\}")
LINES: Final = 20
"""Lines of a failed action's answer that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One reload of one component. `key` is the same whenever the same reload is tried again."""

    address: str
    nickname: str
    environment: str
    key: str
    seconds: float

    def filled(self, text: str, escape: Callable[[str], str] = str) -> str:
        """The text with {address}, {nickname}, {environment} and {key} replaced, nothing else."""
        return _PLACE.sub(lambda match: escape(str(getattr(self, match[1]))), text)

    def filled_value(self, value: JsonValue) -> JsonValue:
        """A JSON value with every text in it filled in; keys of objects stay as they are."""
        if isinstance(value, str):
            return self.filled(value)
        if isinstance(value, dict):
            return {name: self.filled_value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.filled_value(item) for item in value]
        return value

    def message(self, body: JsonObject) -> JsonObject:
        """The body for a receiver that has no field of its own for the idempotency key."""
        own = {"address": self.address, "environment": self.environment, "idempotency_key": self.key}
        return {**self.filled_value(body), **own}

    def failed(self, what: str, why: str, *, late: bool = False, **facts: JsonValue) -> DeployFailed:
        """DeployFailed `reload-failed`, or `reload-timeout`; of `why` the last lines."""
        return DeployFailed(
            f"{what} of {self.address} {f'ran longer than {self.seconds:g} s' if late else 'failed'}",
            why="\n".join(why.strip().splitlines()[-LINES:]),
            next_step="correct `reload` in the type's component.yaml, or what it calls",
            code="reload-timeout" if late else "reload-failed",
            component=self.address,
            **facts,
        )
