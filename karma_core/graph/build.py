"""Builds the graph of an inventory: resolve references, join them to edges, set statuses, sort.

Each step is a small function; `build` runs them in order. The result depends on what the inventory holds,
never on the order in which it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from karma_core import ids
from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.graph.collector import collector_paused
from karma_core.graph.emissions import check_writers, emit, self_written, with_owned
from karma_core.graph.load import Inventory, Loaded
from karma_core.ids import type_of
from karma_core.json_types import JsonObject
from karma_core.model import Component, Edge, Finding, GraphData, Kind, Record, Severity, Status
from karma_core.references.base import (
    NO_MODULES,
    Context,
    Emission,
    LookedUp,
    ModuleInputs,
    Reference,
    Resolver,
)
from karma_core.references.module import VIA as MODULE
from karma_core.references.module import matches_by_suffix
from karma_core.references.nickname import VIA as NICKNAME
from karma_core.references.resolvers import RESOLVERS, find_all, prepare
from karma_core.references.state import UNSEEN
from karma_core.references.state import VIA as STATE
from karma_core.references.value import VIA as VALUE
from karma_core.state_places import NamedState

StatusOf = Callable[[Loaded, tuple[Edge, ...]], tuple[Status, str | None]]
"""(status, applied fingerprint) of a configured component, from what is known of it and its own edges."""


class Built(Record, frozen=True, kw_only=True):
    """A graph and the findings of its build, not sorted (`validate` sorts them)."""

    graph: GraphData
    findings: tuple[Finding, ...]
    inventory: Inventory
    """The inventory that was built, with the components whose runtimes others write."""
    optional_keys: dict[tuple[str, str], frozenset[str]] = {}
    """(consumer, producer) → consumed keys that the runtime need not have."""
    self_written: frozenset[str] = frozenset()
    """Components whose modules write their own runtimes."""
    named_states: dict[str, Mapping[NamedState, str]] = {}
    """Component → the states that its module reads, as it names them, and whose they are."""
    sensitive_keys: dict[str, frozenset[str]] = {}
    """Component type → config keys that give values to variables which its module marks sensitive."""
    looked_up: dict[str, list[LookedUp]] = {}
    """Component → what its module looks up of others."""


@collector_paused()
def build(
    inventory: Inventory,
    definitions: Mapping[str, TypeDefinition],
    *,
    status_of: StatusOf | None = None,
    resolvers: Sequence[type[Resolver]] = RESOLVERS,
    modules: ModuleInputs = NO_MODULES,
) -> Built:
    """The graph of an inventory. O(configs + references)."""
    references, emissions, findings, context = resolve(inventory, definitions, resolvers, modules)
    inventory = with_owned(inventory, emissions)
    usable, refused = refuse_dangling(inventory.components, references)
    edges = {
        source: join(list_, definitions.get(inventory.components[source].type, EMPTY))
        for source, list_ in usable.items()
    }
    unseen = any(finding.code == UNSEEN for finding in findings)
    nodes, orphans = make_nodes(inventory, edges, status_of or by_record, emissions, unseen=unseen)
    twice = check_writers(inventory, emissions, definitions)
    for source, emits in emit(emissions).items():
        edges[source] = tuple(sorted((*edges.get(source, ()), *emits), key=lambda edge: edge.key))
    return Built(
        graph=GraphData(nodes=nodes, edges=tuple(edge for source in sorted(edges) for edge in edges[source])),
        findings=(*inventory.findings, *findings, *refused, *orphans, *twice),
        inventory=inventory,
        optional_keys=optional_keys_of(usable),
        self_written=self_written(emissions),
        sensitive_keys={name: facts.sensitive for name, facts in modules.facts.items() if facts.sensitive},
        named_states=context.named_states,
        looked_up=context.looked_up,
    )


def resolve(
    inventory: Inventory,
    definitions: Mapping[str, TypeDefinition],
    resolvers: Sequence[type[Resolver]] = RESOLVERS,
    modules: ModuleInputs = NO_MODULES,
) -> tuple[dict[str, list[Reference]], list[Emission], list[Finding], Context]:
    """(references by consumer, runtimes written for others, findings, what the resolvers noted besides).

    Of every config that can be read.
    """
    configs: dict[str, dict[str, JsonObject]] = {}
    for loaded in inventory.components.values():
        if loaded.config is not None and loaded.config.value is not None:
            configs.setdefault(loaded.type, {})[loaded.address] = loaded.config.value
    context = Context(
        prefix=inventory.prefix,
        configs=configs,
        definitions=definitions,
        modules=modules,
        addresses=inventory.components,
    )
    prepared = prepare(context, resolvers)
    references: dict[str, list[Reference]] = {}
    emissions: list[Emission] = []
    findings: list[Finding] = []
    for component_type, of_type in configs.items():
        for address, config in of_type.items():
            mine: list[Reference] = []
            for resolved in find_all(prepared, address, component_type, config):
                if isinstance(resolved, Reference):
                    mine.append(resolved)
                elif isinstance(resolved, Emission):
                    emissions.append(resolved)
                else:
                    findings.append(resolved)
            if mine:
                references[address] = mine
    return references, emissions, findings, context


def optional_keys_of(references: Mapping[str, list[Reference]]) -> dict[tuple[str, str], frozenset[str]]:
    """Return (consumer, producer) → keys that the consumer reads but can do without."""
    optional: dict[tuple[str, str], set[str]] = {}
    for of_source in references.values():
        for reference in of_source:
            if reference.optional_keys:
                pair = (reference.source, reference.target)
                optional.setdefault(pair, set()).update(reference.optional_keys)
    for source, target in optional:
        for reference in references[source]:
            if reference.target == target and reference.keys and reference.keys != reference.optional_keys:
                needed = set(reference.keys).difference(reference.optional_keys)
                optional[source, target] -= needed
    return {pair: frozenset(keys) for pair, keys in optional.items()}


def refuse_dangling(
    components: Mapping[str, Loaded], references: Mapping[str, list[Reference]]
) -> tuple[dict[str, list[Reference]], list[Finding]]:
    """(references that can be edges, findings on the others and on those to removed components)."""
    usable: dict[str, list[Reference]] = {}
    findings: list[Finding] = []
    for source, of_source in references.items():
        kept = []
        read = {r.target for r in of_source if r.via == MODULE}
        for reference in of_source:
            target = components.get(reference.target)
            if target is None and (reference.optional or _is_settled(reference, read)):
                continue
            if target is None or (target.config is None and target.applied is not None):
                findings.append(_missing(reference, removed=target is not None))
            if reference.target == source:
                findings.append(_to_itself(reference))
            elif target is not None:
                kept.append(reference)
        if kept:
            usable[source] = kept
    return usable, findings


def _is_settled(reference: Reference, read: set[str]) -> bool:
    """Whether the module settles which component a nickname means when its key does not."""
    return reference.via == NICKNAME and matches_by_suffix(reference.target, read)


def join(references: Iterable[Reference], definition: TypeDefinition) -> tuple[Edge, ...]:
    """One component's references as edges, sorted: one dependency a producer, beside it what is read.

    What is read of a producer is what the type's `consumes` says; else what its module reads, which is the
    whole runtime where not all its reads are known; else the whole where the config names the runtime. The
    values that the config takes of it are read besides.
    """
    by_target: dict[str, list[Reference]] = {}
    for reference in references:
        by_target.setdefault(reference.target, []).append(reference)
    consumes = definition.consumes
    edges: list[Edge] = []
    for target in sorted(by_target):
        to_target = by_target[target]
        listed = consumes.get(type_of(target)) if consumes else None
        readers = to_target if listed is not None else [r for r in to_target if r.runtime]
        if readers:
            keys = _keys_read(_best(readers)) if listed is None else _listed(listed, readers)
            edges.append(_edge(readers, Kind.CONSUMES, keys))
        edges.append(_edge(to_target, Kind.DEPENDS_ON, None))
    return tuple(edges)


def make_nodes(
    inventory: Inventory,
    edges: Mapping[str, tuple[Edge, ...]],
    status_of: StatusOf,
    emissions: Iterable[Emission] = (),
    *,
    unseen: bool = False,
) -> tuple[tuple[Component, ...], list[Finding]]:
    """(components with their status, sorted; a warning for every orphan).

    `unseen`: some module here reads what is not followed, so that nobody knows who reads an orphan.
    """
    owned = {emission.target for emission in emissions}
    consumed = {edge.target for of_source in edges.values() for edge in of_source}
    nodes = []
    findings = []
    for address, loaded in inventory.components.items():
        if loaded.config is None:
            status, fingerprint = _unconfigured(loaded, owned=address in owned, consumed=address in consumed)
            if status is Status.ORPHAN:
                findings.append(_orphan(loaded, unseen=unseen))
        elif loaded.config.broken:
            status = Status.INVALID
            fingerprint = loaded.applied.fingerprint if loaded.applied is not None else None
        else:
            status, fingerprint = status_of(loaded, edges.get(address, ()))
        nodes.append(_node(inventory, loaded, status, fingerprint))
    return tuple(nodes), findings


def by_record(loaded: Loaded, edges: tuple[Edge, ...]) -> tuple[Status, str | None]:
    """Return the status without fingerprints, from the applied record and the config alone."""
    del edges  # what is consumed enters a fingerprint, not this
    applied = loaded.applied
    if applied is None:
        return Status.ABSENT, None
    if applied.status == Status.FAILED:
        return Status.FAILED, applied.fingerprint
    same = loaded.config is not None and applied.config == loaded.config.value and not applied.begun
    return (Status.CURRENT if same else Status.STALE), applied.fingerprint


def _unconfigured(loaded: Loaded, *, owned: bool, consumed: bool) -> tuple[Status, str | None]:
    """Return the status of a node without a config; an owned one is current once its runtime was written."""
    if owned:
        return (Status.ABSENT if loaded.runtime is None else Status.CURRENT), None
    if loaded.applied is not None:
        return Status.REMOVED, loaded.applied.fingerprint
    return (Status.EXTERNAL if consumed else Status.ORPHAN), None


def _node(inventory: Inventory, loaded: Loaded, status: Status, fingerprint: str | None) -> Component:
    config, runtime = loaded.config, loaded.runtime
    return Component(
        address=loaded.address,
        type=loaded.type,
        nickname=loaded.nickname,
        environment=inventory.environment,
        status=status,
        config_path=config.parameter.name if config is not None else None,
        config_version=config.parameter.version if config is not None else None,
        config_digest=config.digest if config is not None else None,
        runtime_path=ids.runtime_parameter(inventory.prefix, loaded.address),
        runtime_version=runtime.parameter.version if runtime is not None else None,
        runtime_digest=runtime.digest if runtime is not None else None,
        applied_fingerprint=fingerprint,
        provenance=loaded.provenance,
    )


def _best(readers: list[Reference]) -> list[Reference]:
    """Return the readers to believe: a module's own reads take precedence over names in a config.

    What the config takes by value, and what the module reads of states, is read besides.
    """
    if len(readers) == 1 or all(r.via != MODULE for r in readers):
        return readers
    return [r for r in readers if r.via in (MODULE, VALUE, STATE)]


def _listed(keys: Iterable[str], readers: Iterable[Reference]) -> tuple[str, ...]:
    """The keys that the type's definition lists, those of values that the config takes, and outputs."""
    values = {key for r in readers if r.via in (VALUE, STATE) for key in r.keys or ()}
    return tuple(sorted(values.union(keys)))


def _edge(references: list[Reference], kind: Kind, keys: tuple[str, ...] | None) -> Edge:
    first = references[0]
    if len(references) == 1:  # nearly always
        via: tuple[str, ...] = (first.via,)
        pointers: tuple[str, ...] = (first.pointer,)
    else:
        via = _distinct([r.via for r in references])
        pointers = _distinct([r.pointer for r in references])
    return Edge(source=first.source, target=first.target, kind=kind, via=via, pointers=pointers, keys=keys)


def _distinct(texts: list[str]) -> tuple[str, ...]:
    """The texts sorted, each once; two in order, which is the common case, cost nothing more."""
    if len(texts) == 2 and texts[0] < texts[1]:  # noqa: PLR2004 - a pair
        return tuple(texts)
    return tuple(sorted(set(texts)))


def _keys_read(readers: Sequence[Reference]) -> tuple[str, ...] | None:
    """All keys that any reader reads, sorted; None as soon as one reads the whole runtime."""
    if len(readers) == 1:
        return readers[0].keys
    keys: set[str] = set()
    for reader in readers:
        if reader.keys is None:
            return None
        keys.update(reader.keys)
    return tuple(sorted(keys))


def _missing(reference: Reference, *, removed: bool) -> Finding:
    target = reference.target
    why = "whose config was removed" if removed else "which does not exist here"
    key = reference.pointer.rstrip("/0123456789").rpartition("/")[2]
    way_out = (
        f" If {key} names none, say `references: {{{key}: null}}` in component.yaml; where its type stands "
        f"under another key, `references: {{{key}: {{type_from: KEY}}}}`."
        if reference.guessed
        else ""
    )
    return Finding(
        code="missing-component",
        severity=Severity.ERROR,
        component=reference.source,
        pointer=reference.pointer,
        message=f"it depends on {target} ({reference.via}), {why}. "
        f"Publish a config for {target}, or drop the reference.{way_out}",
    )


def _to_itself(reference: Reference) -> Finding:
    return Finding(
        code="self-reference",
        severity=Severity.ERROR,
        component=reference.source,
        pointer=reference.pointer,
        message=f"it depends on itself ({reference.via}); drop the reference or name another component",
    )


def _orphan(loaded: Loaded, *, unseen: bool) -> Finding:
    """A deletion is advised only where it is known what every module reads."""
    advice = (
        f"Publish the component's config. Do not delete the parameter: modules here read what Karma cannot "
        f"follow ({UNSEEN}), and it may be this."
        if unseen
        else "Delete the parameter, or publish the component's config."
    )
    name = loaded.runtime.parameter.name if loaded.runtime is not None else loaded.address
    return Finding(
        code="orphan-runtime",
        severity=Severity.WARNING,
        component=loaded.address,
        pointer="",
        message=f"nothing configures, consumes or applied the runtime {name}. {advice}",
    )
