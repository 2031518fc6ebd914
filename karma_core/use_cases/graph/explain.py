"""Why a component depends on another: every place where that was found, and what stands there."""

from __future__ import annotations

from collections.abc import Iterator

from karma_core import ids, strictjson
from karma_core.errors import NotFound
from karma_core.inference.facts import Block, Body, ModuleFacts, Site
from karma_core.json_types import JsonObject
from karma_core.masking.configs import ConfigSecrets
from karma_core.masking.masker import MASK
from karma_core.model import Finding, Record, to_builtins
from karma_core.needs import FleetSource
from karma_core.references.base import Context, Reference, Resolved
from karma_core.references.lookup import VIA as LOOKUP
from karma_core.references.module import VIA as MODULE
from karma_core.references.resolvers import find_all, prepare
from karma_core.references.value import VIA as VALUE
from karma_core.root_variables import RESERVED
from karma_core.use_cases.fleet.config_secrets import ShownConfigs
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.graph.evaluation import LONGEST, Evaluation, ModuleView, Step, sources_of


class Occurrence(Record, frozen=True, kw_only=True):
    """One place where a dependency was found, by the resolver `via`.

    `place` is a JSON pointer into the config or file and line of the module, `written` what stands there,
    masked. `keys` are those of the producer's runtime that are read there (None: all, or none is read), and
    `optional_keys` those of them that may be missing.
    """

    producer: str
    via: str
    place: str
    written: str
    keys: tuple[str, ...] | None = None
    optional_keys: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    """How the expression in the module was evaluated, outermost first; empty for a place in the config."""


class Explanation(Record, frozen=True, kw_only=True):
    """All that is known of what a component depends on.

    `consumed` maps each producer to the keys that count (None: the whole runtime). `findings` say what was
    not seen, or does not fit. `module_seen`: the module's files are known here. `module`: what was seen of
    it, where the component is explained as a whole.
    """

    component: str
    occurrences: tuple[Occurrence, ...]
    consumed: dict[str, tuple[str, ...] | None]
    findings: tuple[Finding, ...]
    module_seen: bool
    module: ModuleView | None = None

    def contract(self) -> JsonObject:
        """The JSON of `karma graph explain --json`."""
        return dict(to_builtins(self))


def explain(workspace: FleetSource, consumer: str, producer: str | None = None) -> Explanation:
    """Explain what a component depends on, or how it depends on one producer; reads everything anew.

    NotFound for a component without a readable config, and where it does not depend on the producer.
    """
    fleet = read_fleet(workspace)
    loaded = fleet.inventory.components.get(consumer)
    config = loaded.config.value if loaded is not None and loaded.config is not None else None
    if config is None:
        raise NotFound(f"there is no config of {consumer} that can be read", component=consumer)
    component_type = ids.type_of(consumer)
    context = _context(fleet)
    resolved = find_all(prepare(context), consumer, component_type, config)
    facts = fleet.modules.facts.get(component_type)
    written = dict(_texts(facts.body)) if facts is not None else {}
    secrets = ShownConfigs(workspace).secrets(consumer)
    evaluation = _evaluation(context, facts, consumer, config, resolved, secrets)
    references = [r for r in resolved if isinstance(r, Reference) and producer in (None, r.target)]
    if producer is not None and not references:
        raise NotFound(f"{consumer} does not depend on {producer}", component=consumer)
    pointers = {r.pointer for r in references if r.pointer.startswith("/")}
    written |= {pointer: _at(config, pointer, secrets) for pointer in pointers}
    occurrences = [_occurrence(r, written.get(r.pointer, ""), evaluation) for r in references]
    targets = {r.target for r in references}
    return Explanation(
        component=consumer,
        occurrences=tuple(
            sorted(occurrences, key=lambda one: (one.producer, one.via, one.place, one.keys or ()))
        ),
        consumed={target: keys for target, keys in fleet.consumed(consumer).items() if target in targets},
        findings=tuple(f for f in fleet.findings if f.name in (consumer, component_type)),
        module_seen=facts is not None,
        module=_view(context, evaluation, consumer, config, references) if producer is None else None,
    )


def _evaluation(
    context: Context,
    facts: ModuleFacts | None,
    consumer: str,
    config: JsonObject,
    resolved: list[Resolved],
    secrets: ConfigSecrets,
) -> Evaluation | None:
    """The module's evaluation as the resolvers made it; None where nothing is known of the module."""
    if facts is None:
        return None
    producers = {
        r.target
        for r in resolved
        if isinstance(r, Reference)
        and r.via != MODULE
        and not (r.via == VALUE and consumer in context.takes_values)
    }
    return Evaluation(facts, context.inputs(consumer, config, producers), secrets, config)


def _view(
    context: Context,
    evaluation: Evaluation | None,
    consumer: str,
    config: JsonObject,
    references: list[Reference],
) -> ModuleView | None:
    component_type = ids.type_of(consumer)
    facts = context.modules.facts.get(component_type)
    if evaluation is None or facts is None:
        return None
    by_place: dict[str, tuple[str, ...]] = {}
    for reference in references:
        if reference.via == LOOKUP:
            by_place[reference.pointer] = (*by_place.get(reference.pointer, ()), reference.target)
    given = context.given(component_type) - context.modules.variables.keys()
    taken = context.taken(component_type)
    return evaluation.view(
        sources_of(facts, config, context.modules.variables, taken, given | RESERVED & taken), by_place
    )


def _steps(reference: Reference, evaluation: Evaluation | None) -> tuple[Step, ...]:
    if evaluation is None:
        return ()
    if reference.via == LOOKUP:
        return evaluation.of_lookup(reference.pointer)
    return evaluation.of_read(reference.target, reference.pointer) if reference.via == MODULE else ()


def _occurrence(reference: Reference, written: str, evaluation: Evaluation | None) -> Occurrence:
    return Occurrence(
        producer=reference.target,
        via=reference.via,
        place=reference.pointer,
        written=written,
        keys=reference.keys,
        optional_keys=reference.optional_keys,
        steps=_steps(reference, evaluation),
    )


def _context(fleet: Fleet) -> Context:
    configs: dict[str, dict[str, JsonObject]] = {}
    for address, loaded in fleet.inventory.components.items():
        if loaded.config is not None and loaded.config.value is not None:
            configs.setdefault(loaded.type, {})[address] = loaded.config.value
    return Context(
        prefix=fleet.inventory.prefix,
        configs=configs,
        definitions=fleet.definitions,
        modules=fleet.modules,
        addresses=fleet.inventory.components,
    )


def _at(config: JsonObject, pointer: str, secrets: ConfigSecrets) -> str:
    """What stands at a pointer of the config, masked and shortened."""
    value: object = config
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value[key]
    shown = secrets.masked_at(pointer, value)
    text = MASK if shown == MASK else strictjson.canonical(shown).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _texts(body: Body) -> Iterator[tuple[str, str]]:
    """(place, what is written there) of the module's expressions."""
    blocks = [
        *body.reads.values(),
        *body.states.values(),
        *body.writes,
        *body.lookups,
        *body.creates,
        *body.blocks,
    ]
    yield from ((site.place, site.text) for site in (*body.locals.values(), *body.outputs.values()))
    for state in body.states.values():
        said = "; ".join(f"{name} = {site.text}" for name, site in state.arguments.items())
        yield state.place, said
    for block in blocks:
        yield from ((site.place, site.text) for site in _sites(block))
    for child in body.children.values():
        yield from ((site.place, site.text) for site in _sites(child.call))
        if child.body is not None:
            yield from _texts(child.body)


def _sites(block: Block) -> Iterator[Site]:
    yield from (*block.arguments.values(), *block.sites)
    yield from (site for site in (block.count, block.for_each) if site is not None)
    for inner in block.blocks:
        yield from _sites(inner)
