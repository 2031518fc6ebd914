"""Secrets that a component's Terraform state still has, although its inputs have others by now.

A plan that replaces a secret shows the old value beside the new one. The old ones are in the config that was
applied last, and in earlier versions of the producers' runtimes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.needs import HasParameters
from karma_core.plan import fingerprint
from karma_core.plan.fingerprint import WHOLE
from karma_core.plan.runtime import counted, secret_keys_of
from karma_core.records import Applied, Parameter
from karma_core.use_cases.fleet.input_secrets import secret_part

HMAC_KEY: Final = "fingerprints"
"""Name of the environment's key under which runtime values enter fingerprints."""
LOOK_BACK: Final = 10
"""Earlier versions of a runtime that are read. Ours: a component that has missed more rotations is rare, and
each version is a request."""
Seal = Callable[[JsonValue], str]


def seal_under(key: bytes) -> Seal:
    """A digest of values under the environment's key: short secrets cannot be guessed from it."""
    return lambda value: "hmac:" + hmac.new(key, strictjson.canonical(value), hashlib.sha256).hexdigest()


def applied_configs(applied: Applied | None) -> tuple[JsonObject, ...]:
    """The configs that the state may have been made with."""
    return () if applied is None else tuple(filter(None, (applied.config, applied.good_config)))


def outdated_parts(
    workspace: HasParameters, applied: Applied | None, runtimes: Mapping[str, JsonMapping], seal: Seal
) -> Iterator[JsonObject]:
    """The secret parts of earlier runtimes, back to those that the component was applied with.

    `runtimes` are those of now, of producers whose runtimes are secret. Nothing is read of one whose values
    are still those of the apply.
    """
    for producer, runtime in sorted(runtimes.items() if applied is not None else ()):
        digests = applied.keys.get(producer) if applied is not None else None
        wanted = tuple(digests) if digests and WHOLE not in digests else None
        if digests is None or fingerprint.key_digests(runtime, wanted, seal) != digests:
            yield from _earlier(workspace, workspace.runtime_parameter(producer), digests, wanted, seal)


def _earlier(
    workspace: HasParameters,
    name: str,
    digests: Mapping[str, str] | None,
    wanted: tuple[str, ...] | None,
    seal: Seal,
) -> Iterator[JsonObject]:
    """Secret parts of versions before the current one, the newest first, up to the one with these digests."""
    current = workspace.parameters.get(name)
    latest = current.version if current is not None else 0
    for version in range(latest - 1, max(latest - 1 - LOOK_BACK, 0), -1):
        held = workspace.parameters.get(name, version=version, decrypt=True)
        if held is None or current is None:
            return
        value = _value(held)
        keys = secret_keys_of(held.description) or secret_keys_of(current.description)
        yield secret_part(counted(value, wanted), keys)
        if fingerprint.key_digests(value, wanted, seal) == digests:
            return


def _value(held: Parameter) -> JsonObject:
    """The runtime; an empty one where it cannot be read."""
    try:
        return strictjson.parse_object((held.value or "").encode(), where=held.name)
    except (BadInput, UnicodeEncodeError):
        return {}
