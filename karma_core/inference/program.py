"""A module's facts, compiled once for all components of its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from karma_core.inference.closure import Evaluate, Names
from karma_core.inference.compiler import compile_all, compile_expression
from karma_core.inference.expressions import Expression
from karma_core.inference.facts import Block, Body, Child, Site, UnseenRead
from karma_core.inference.slicing import CONFIG, DEPENDENCIES, RUNTIME, may_name, named_alone
from karma_core.inference.types import Complete, completion, dependency_keys
from karma_core.inference.values import Value

_NO_NAMES: Names = {}


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """A site, ready to be evaluated."""

    evaluate: Evaluate
    place: str
    text: str


class CompiledBlock:
    """A block with its sites ready."""

    __slots__ = ("arguments", "blocks", "count", "for_each", "iterator", "labels", "place", "sites")

    def __init__(self, block: Block) -> None:
        self.labels = block.labels
        self.place = block.place
        self.iterator = block.iterator
        self.count = _site(block.count) if block.count else None
        self.for_each = _site(block.for_each) if block.for_each else None
        self.arguments = {name: _site(site) for name, site in block.arguments.items()}
        self.sites = [_site(site) for site in block.sites]
        self.blocks = [CompiledBlock(inner) for inner in block.blocks]


def _site(site: Site) -> CompiledSite:
    return CompiledSite(compile_expression(site.expression), site.place, site.text)


class Program:
    """A module's body, compiled once for all components of its type."""

    def __init__(
        self, body: Body, texts: Mapping[str, str] | None = None, unseen: tuple[UnseenRead, ...] = ()
    ) -> None:
        self.body = body
        self.unseen = unseen
        self.texts: Mapping[str, str] = texts or {}
        self.locals = compile_all(body.locals)
        self.outputs = compile_all(body.outputs)
        self.reads = {name: CompiledBlock(block) for name, block in body.reads.items()}
        self.states = {name: CompiledBlock(block) for name, block in body.states.items()}
        self.foreign = {
            name
            for name, block in body.reads.items()
            if not may_name(body, block.arguments["name"].expression, RUNTIME, CONFIG)
        }
        """Data sources that read parameters of no component, whatever their names turn out to be."""
        self.blocks = [CompiledBlock(block) for block in body.blocks]
        self.writes = [
            CompiledBlock(block)
            for block in body.writes
            if may_name(body, block.arguments["name"].expression, RUNTIME)
        ]
        self.children = {name: Called(child, self.texts) for name, child in body.children.items()}
        self.may_write: bool = bool(self.writes) or any(child.may_write for child in self.children.values())
        """Whether a runtime may be written here or in a child module, whatever the names turn out to be."""
        self.may_read_config: bool = any(
            may_name(body, block.arguments["name"].expression, CONFIG) for block in body.reads.values()
        ) or any(
            child.program is not None and child.program.may_read_config for child in self.children.values()
        )
        """Whether a parameter is read here or in a child module whose name may be that of a config."""
        self.defaults = {
            name: _plain(v.default) for name, v in body.variables.items() if v.default is not None
        }
        self.not_nullable = frozenset(name for name, v in body.variables.items() if not v.nullable)
        dependencies = body.variables.get(DEPENDENCIES)
        self.dependency_keys = dependency_keys(dependencies.type) if dependencies is not None else None
        """What every producer's object must and may have in `var.dependencies`; None: anything."""
        self.completions: dict[str, Complete] = {
            name: made
            for name, v in body.variables.items()
            if v.type is not None and (made := completion(v.type, _plain)) is not None
        }

    @cached_property
    def reads_states(self) -> bool:
        """Whether the module or a child of it reads remote states."""
        children = (child.program for child in self.children.values())
        return bool(self.states) or any(child is not None and child.reads_states for child in children)

    @cached_property
    def looks_up(self) -> bool:
        """Whether the module or a child of it looks anything up."""
        children = (child.program for child in self.children.values())
        return bool(self.body.lookups) or any(child is not None and child.looks_up for child in children)

    @cached_property
    def lookups(self) -> list[CompiledBlock]:
        """Data sources that find something by an identifying argument."""
        return [CompiledBlock(block) for block in self.body.lookups]

    @cached_property
    def named_alone(self) -> list[CompiledBlock]:
        """Of `lookups`, parameters and secrets whose names say alone which are meant.

        Not those that may be Karma's own, and those that are named by another block of the module.
        """
        pairs = zip(self.body.lookups, self.lookups, strict=True)
        return [compiled for block, compiled in pairs if named_alone(self.body, block)]

    @cached_property
    def creates(self) -> list[CompiledBlock]:
        """Resources that can be found by one."""
        return [CompiledBlock(block) for block in self.body.creates]


class Called:
    """A child module's call and its program."""

    __slots__ = ("call", "may_write", "program", "too_deep", "used")

    def __init__(self, child: Child, texts: Mapping[str, str]) -> None:
        self.used = child.used
        self.too_deep = child.too_deep
        self.call = CompiledBlock(child.call)
        self.program: Program | None = Program(child.body, texts) if child.body is not None else None
        self.may_write: bool = self.program is None or self.program.may_write


def _plain(node: Expression) -> Value:
    """The value of a default, which refers to nothing."""
    return compile_expression(node)(None, _NO_NAMES)  # type: ignore[arg-type]  # no reference, no frame
