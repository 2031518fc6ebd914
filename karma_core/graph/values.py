"""Findings on what parameters hold: sizes, ages, the environment's binding, keys that consumers read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from karma_core import ids, strictjson
from karma_core.errors import BadInput
from karma_core.graph.load import Held, Inventory, Loaded
from karma_core.model import Finding, GraphData, Kind, Severity, Status, about_environment
from karma_core.plan.fingerprint import look_up
from karma_core.records import ADVANCED_BYTES, STANDARD_BYTES, Tier
from karma_core.references.state import VIA as STATE
from karma_core.references.state import is_output, outputs_in

NO_KEYS: Final[frozenset[str]] = frozenset()
NONE_OPTIONAL: Final[Mapping[tuple[str, str], frozenset[str]]] = {}


def check_sizes(inventory: Inventory) -> Iterator[Finding]:
    """`too-large`: a value beyond its parameter's tier."""
    for loaded in inventory.components.values():
        for held in (loaded.config, loaded.runtime):
            if held is not None and held.size > STANDARD_BYTES:
                yield from _too_large(loaded, held)


def _too_large(loaded: Loaded, held: Held) -> Iterator[Finding]:
    advanced = held.parameter.tier == Tier.ADVANCED
    limit = ADVANCED_BYTES if advanced else STANDARD_BYTES
    if held.size <= limit:
        return
    movable = held.size <= ADVANCED_BYTES
    advice = "Write it anew in the Advanced tier." if movable else "Split it, or move what is long elsewhere."
    yield Finding(
        code="too-large",
        severity=Severity.ERROR,
        component=loaded.address,
        pointer="",
        message=f"{held.parameter.name} has {held.size:,} bytes; the {held.parameter.tier} tier holds "
        f"{limit:,}. {advice}",
    )


def check_runtimes(inventory: Inventory, data: GraphData) -> Iterator[Finding]:
    """`runtime-unreadable`: a warning where the next deploy writes the runtime anew, else an error.

    It stops nobody whose own runtime it is; who consumes it waits for the deploy that repairs it.
    """
    written = {edge.target for edge in data.edges if edge.kind is Kind.EMITS}
    for loaded in inventory.components.values():
        runtime = loaded.runtime
        if runtime is None or not runtime.broken:
            continue
        here = loaded.config is not None or loaded.applied is not None or loaded.address in written
        advice = "Its next deploy writes it anew." if here else "Whoever writes it has to correct it."
        yield Finding(
            code="runtime-unreadable",
            severity=Severity.WARNING if here else Severity.ERROR,
            component=loaded.address,
            pointer="",
            message=f"the runtime {runtime.parameter.name} cannot be read: {runtime.why}. {advice}",
        )


def check_ages(inventory: Inventory) -> Iterator[Finding]:
    """`runtime-older-than-config`: the config was published and never deployed since."""
    for loaded in inventory.components.values():
        config, runtime, applied = loaded.config, loaded.runtime, loaded.applied
        if config is None or runtime is None:
            continue
        if applied is not None:
            older = applied.config_version < config.parameter.version and applied.config != config.value
        else:
            older = _before(runtime.parameter.modified_at, config.parameter.modified_at)
        if older:
            yield Finding(
                code="runtime-older-than-config",
                severity=Severity.WARNING,
                component=loaded.address,
                pointer="",
                message="its config changed after its runtime was written. Deploy it, "
                f"`karma deploy {loaded.type} {loaded.nickname}`, so that consumers get what it says.",
            )


def _before(first: str, second: str) -> bool:
    """Whether one time lies before another; False where either is not known."""
    if not first or not second or first == second:
        return False
    try:
        return datetime.fromisoformat(first) < datetime.fromisoformat(second)
    except (TypeError, ValueError):  # not a time, or one with and one without a zone
        return False


def check_binding(inventory: Inventory) -> Iterator[Finding]:
    """`environment-mismatch`: the account is bound to another environment, or nobody can tell to which."""
    binding = inventory.binding
    if binding is None:
        return
    bound: object = None
    why = "cannot be read (it is a SecureString)"
    if binding.value is not None:
        try:
            body = strictjson.parse_object(binding.value.encode("utf-8", "replace"), where=binding.name)
            bound = body.get("environment", body.get("name"))
            why = f"names the environment {ids.shown(bound)!r}"
        except BadInput as error:
            why = f"cannot be read ({error.why})"
    if bound != inventory.environment:
        yield Finding(
            code="environment-mismatch",
            severity=Severity.ERROR,
            component=about_environment(inventory.environment),
            pointer="",
            message=f"the parameter {binding.name} {why}, and this build is for {inventory.environment!r}. "
            "Check the account, the region and --env; correct the parameter only if it is wrong.",
        )


def check_consumed_keys(
    inventory: Inventory,
    data: GraphData,
    optional_keys: Mapping[tuple[str, str], frozenset[str]] = NONE_OPTIONAL,
) -> Iterator[Finding]:
    """`consumed-key-missing`: a runtime exists and lacks a key that a consumer reads.

    An error where no deploy is due that could add the key (the producer is current, or nobody here deploys
    it): the consumer's apply would fail. A warning where one is, so that producer and consumer can be
    changed together. `optional_keys` are keys that a consumer can do without: (consumer, producer) → keys.
    """
    settled = {
        node.address
        for node in data.nodes
        if node.status in (Status.CURRENT, Status.EXTERNAL, Status.REMOVED)
    }
    for edge in data.edges:
        if edge.kind is not Kind.CONSUMES or not edge.keys:
            continue
        needed = set(edge.keys) - optional_keys.get((edge.source, edge.target), NO_KEYS)
        by_state = STATE in edge.via
        missing = list(_missing(inventory.components[edge.target], needed, by_state=by_state))
        if missing:
            final = edge.target in settled
            advice = f"Correct the key, or make {edge.target} publish it."
            lacking = "whose state" if all(map(is_output, missing)) else "whose runtime"
            yield Finding(
                code="consumed-key-missing",
                severity=Severity.ERROR if final else Severity.WARNING,
                component=edge.source,
                pointer=edge.pointers[0] if edge.pointers else "",
                message=f"it reads {', '.join(missing)} of {edge.target}, {lacking} has no such key. "
                + (advice if final else f"Deploy {edge.target} first. {advice}"),
            )


def _missing(producer: Loaded, needed: set[str], *, by_state: bool) -> Iterator[str]:
    """The needed keys that the producer lacks, in order; none where it is not known what it has.

    `by_state`: some of them are outputs in its Terraform state, of which the applied record tells.
    """
    runtime = producer.runtime.value if producer.runtime is not None else None
    applied = producer.applied
    outputs = applied.outputs if applied is not None and applied.succeeded else None
    for key in sorted(needed):
        if by_state and is_output(key):
            names = outputs_in([key])
            if outputs is not None and names is not None and not names <= outputs.keys():
                yield key
        elif runtime is not None and not look_up(runtime, key)[1]:
            yield key
