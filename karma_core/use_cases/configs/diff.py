"""The difference that publishing would make, config by config and place by place."""

from __future__ import annotations

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_difference import Difference, differences
from karma_core.json_types import JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.model import Record
from karma_core.needs import ShownComparison
from karma_core.records import Parameter, ParameterKind
from karma_core.three_way import ABSENT, Overlap
from karma_core.use_cases.configs.comparison import compare
from karma_core.use_cases.configs.differing import Diverged, Intent
from karma_core.use_cases.fleet.config_secrets import ShownConfigs


class ChangedConfig(Record, frozen=True, kw_only=True):
    """A config that Git and the store have differently: from the stored version to Git's."""

    address: str
    version: int
    differences: tuple[Difference, ...]


class MergedConfig(Record, frozen=True, kw_only=True):
    """A config that Git and a change edited at different places, over a stored version.

    `from_git` is what publishing brings to the store, `from_store` what pulling brings to the file.
    """

    address: str
    version: int
    from_git: tuple[Difference, ...]
    from_store: tuple[Difference, ...]


class DivergedConfig(Record, frozen=True, kw_only=True):
    """A config that both edited at the same places: at each what it was, what Git and what the store has.

    Version 0 stands for a config that a change removed. A secret's places have no values.
    """

    address: str
    version: int
    places: tuple[Overlap, ...]


class ConfigDiff(Record, frozen=True, kw_only=True):
    """Git against the parameter store, sorted by address.

    `ahead_of_git` are stored versions that a change made; its differences lead from Git to the store, and
    are those that `karma config pull` would write. A component that a change created has one difference, at
    the empty pointer. `merged` were edited by both at different places, `diverged` also at the same ones.
    `not_checked_out` are in Git and not in the work tree.
    """

    environment: str
    added: tuple[str, ...] = ()
    changed: tuple[ChangedConfig, ...] = ()
    removed: tuple[str, ...] = ()
    ahead_of_git: tuple[ChangedConfig, ...] = ()
    merged: tuple[MergedConfig, ...] = ()
    diverged: tuple[DivergedConfig, ...] = ()
    not_checked_out: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether publishing would do nothing and nothing is ahead of Git."""
        held = self.diverged or self.not_checked_out
        return not (self.added or self.changed or self.removed or self.ahead_of_git or self.merged or held)


def diff(workspace: ShownComparison) -> ConfigDiff:
    """Compare Git with the store, masked; ValidationFailed as `publish` where a config is invalid."""
    return _masked(_compared(workspace), ShownConfigs(workspace))


def _masked(made: ConfigDiff, shown: ShownConfigs) -> ConfigDiff:
    """The comparison with every secret place of every config masked."""

    def changed(one: ChangedConfig) -> ChangedConfig:
        return replace(one, differences=shown.secrets(one.address).masked_differences(one.differences))

    def merged(one: MergedConfig) -> MergedConfig:
        secrets = shown.secrets(one.address)
        from_git, from_store = map(secrets.masked_differences, (one.from_git, one.from_store))
        return replace(one, from_git=from_git, from_store=from_store)

    def diverged(one: DivergedConfig) -> DivergedConfig:
        return replace(one, places=tuple(_masked_place(p, shown.secrets(one.address)) for p in one.places))

    return replace(
        made,
        changed=tuple(map(changed, made.changed)),
        ahead_of_git=tuple(map(changed, made.ahead_of_git)),
        merged=tuple(map(merged, made.merged)),
        diverged=tuple(map(diverged, made.diverged)),
    )


def _masked_place(place: Overlap, secrets: ConfigSecrets) -> Overlap:
    """The place with its values masked; a side that has no such place stays without."""
    sides = {side: getattr(place, side) for side in ("base", "git", "store")}
    return replace(
        place,
        **{
            side: secrets.masked_at(place.pointer, value)
            for side, value in sides.items()
            if value is not ABSENT
        },
    )


def _compared(workspace: ShownComparison) -> ConfigDiff:
    comparison = compare(workspace)
    return ConfigDiff(
        environment=workspace.name,
        added=tuple(intent.address for intent in comparison.intents if intent.stored is None),
        changed=tuple(
            _changed(intent.address, intent.stored, _stored_value(intent.stored), _parsed(intent.value))
            for intent in comparison.intents
            if intent.stored is not None and intent.git is None
        ),
        removed=tuple(comparison.removed),
        ahead_of_git=tuple(
            _changed(ahead.address, ahead.stored, _parsed(ahead.value), _stored_value(ahead.stored))
            for ahead in comparison.ahead
        ),
        merged=tuple(_merged(intent) for intent in comparison.intents if intent.git is not None),
        diverged=tuple(map(_diverged, comparison.diverged)),
        not_checked_out=tuple(sorted(comparison.not_checked_out)),
    )


def _merged(intent: Intent) -> MergedConfig:
    value, git, stored = _parsed(intent.value), _parsed(intent.git), _stored_value(intent.stored)
    return MergedConfig(
        address=intent.address,
        version=intent.stored.version if intent.stored else 0,
        from_git=differences(stored, value),
        from_store=differences(git, value),
    )


def _diverged(diverged: Diverged) -> DivergedConfig:
    version = diverged.stored.version if diverged.stored else 0
    return DivergedConfig(address=diverged.address, version=version, places=diverged.overlaps)


def _changed(address: str, stored: Parameter | None, before: JsonValue, after: JsonValue) -> ChangedConfig:
    """Return the differences of one config; version 0 stands for a config that a change removed."""
    places = differences(before, after)
    if stored is None:
        return ChangedConfig(address=address, version=0, differences=places)
    if stored.kind is ParameterKind.SECURE:
        places = tuple(Difference(pointer=place.pointer, op=place.op) for place in places)
    return ChangedConfig(address=address, version=stored.version, differences=places)


def _parsed(value: str | None) -> JsonValue:
    return None if value is None else strictjson.parse(value.encode(), where="a config of Git")


def _stored_value(stored: Parameter | None) -> JsonValue:
    """The stored config, None where a change removed it; where it is not JSON, its text as a string."""
    if stored is None:
        return None
    value = stored.value or ""
    try:
        return strictjson.parse(value.encode(), where=stored.name)
    except BadInput:
        return value
