"""Loads parameters and applied records into an inventory of one environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from karma_core import ids, strictjson
from karma_core.errors import BadInput
from karma_core.graph.collector import collector_paused
from karma_core.ids import Address
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Provenance, Record, Severity
from karma_core.provenance import read_description
from karma_core.records import Applied, Parameter


class Held(Record, frozen=True, kw_only=True):
    """A component's config or runtime as its parameter holds it.

    `value` is None where it cannot be read: a SecureString (digest `secure:v<version>`), or `broken`.
    """

    parameter: Parameter
    value: JsonObject | None
    digest: str
    size: int
    broken: bool = False


class Loaded(Record, frozen=True, kw_only=True):
    """The stored state of one address: config, runtime and applied record; each may be missing."""

    address: str
    type: str
    nickname: str
    config: Held | None = None
    runtime: Held | None = None
    applied: Applied | None = None
    provenance: Provenance | None = None


class Inventory(Record, frozen=True, kw_only=True):
    """Everything below one prefix: components by address (sorted), the binding, findings so far."""

    environment: str
    prefix: str
    components: dict[str, Loaded]
    binding: Parameter | None = None
    findings: tuple[Finding, ...] = ()


@collector_paused()
def load(
    parameters: Iterable[Parameter], *, environment: str, prefix: str, applied: Mapping[str, Applied]
) -> Inventory:
    """Sort parameters into components and read their values. O(parameters), in any order.

    A value that cannot be read is a finding, and its component stays, so that others are judged as usual.
    Parameters that belong to no component are ignored.
    """
    chosen, binding, findings = _sort_out(parameters, prefix)
    findings += _twins(chosen)
    components: dict[str, Loaded] = {}
    for address in sorted({*chosen, *applied}):
        held: dict[str, Held] = {}
        for what, parameter in chosen.get(address, {}).items():
            held[what] = _read(parameter, address, findings)
        component_type, nickname, _ = Address.of(address)
        config = held.get(ids.CONFIG)
        components[address] = Loaded(
            address=address,
            type=component_type,
            nickname=nickname,
            config=config,
            runtime=held.get(ids.RUNTIME),
            applied=applied.get(address),
            provenance=read_description(config.parameter.description) if config is not None else None,
        )
    return Inventory(
        environment=environment,
        prefix=prefix,
        components=components,
        binding=binding,
        findings=tuple(findings),
    )


_Chosen = dict[str, dict[str, Parameter]]
"""Address → config or runtime → parameter."""


def _sort_out(
    parameters: Iterable[Parameter], prefix: str
) -> tuple[_Chosen, Parameter | None, list[Finding]]:
    """Parameters by address, the binding, and findings on names that are none."""
    start = len(prefix) + 1
    binding_name = ids.binding_parameter(prefix)
    kinds = (ids.CONFIG, ids.RUNTIME)
    chosen: _Chosen = {}
    binding: Parameter | None = None
    findings: list[Finding] = []
    for parameter in parameters:
        name = parameter.name
        address, _, kind = name[start:].rpartition("/")
        if kind not in kinds or address.count("/") != 1:
            if name == binding_name:
                binding = parameter
        elif name.startswith(ids.RESERVED, start):
            continue  # what Karma keeps there itself
        elif not ids.is_address(address):
            findings.append(_bad_name(address, name))
        else:
            slots = chosen.setdefault(address, {})
            if kind in slots:
                findings.append(_twice(address, name))
                parameter = max(slots[kind], parameter, key=lambda p: (p.version, p.value or ""))  # noqa: PLW2901 - the one to keep
            slots[kind] = parameter
    return chosen, binding, findings


def _read(parameter: Parameter, address: str, findings: list[Finding]) -> Held:
    """The parameter's JSON object; what is wrong with it goes to `findings`."""
    if parameter.value is None:
        return Held(parameter=parameter, value=None, digest=f"secure:v{parameter.version}", size=0)
    try:
        raw = parameter.value.encode()
        value, form = strictjson.parse_object_canonical(raw, where=parameter.name)
    except (BadInput, UnicodeEncodeError) as error:
        raw = parameter.value.encode("utf-8", "surrogatepass")
        findings.append(_unreadable(address, parameter.name, error))
        return Held(
            parameter=parameter, value=None, digest=strictjson.bytes_digest(raw), size=len(raw), broken=True
        )
    return Held(parameter=parameter, value=value, digest=strictjson.bytes_digest(form), size=len(raw))


def _error(code: str, component: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, component=component, pointer="", message=message)


def _bad_name(address: str, name: str) -> Finding:
    return _error(
        "invalid-name",
        ids.shown(address),
        f"the parameter {ids.shown(name)!r} names no valid type and nickname; rename or delete it",
    )


def _twice(address: str, name: str) -> Finding:
    return _error("duplicate-address", address, f"the parameter {name} was listed twice; delete one")


def _twins(addresses: Iterable[str]) -> list[Finding]:
    """Findings on addresses that differ only by case: file systems and people take them for one."""
    by_fold: dict[str, list[str]] = {}
    for address in addresses:
        by_fold.setdefault(address.lower(), []).append(address)
    return [
        _error(
            "duplicate-address",
            address,
            f"the addresses {' and '.join(sorted(twins))} differ only by case; rename one",
        )
        for twins in by_fold.values()
        if len(twins) > 1
        for address in twins
    ]


def _unreadable(address: str, name: str, error: BadInput | UnicodeEncodeError) -> Finding:
    if isinstance(error, BadInput):
        return _error(error.code, address, f"{error.what}: {error.why}. {error.next_step.capitalize()}.")
    return _error("invalid-json", address, f"{name} holds text that is not Unicode; write it anew")
