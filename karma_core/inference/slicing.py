"""Program slicing: cuts a module down to expressions that may use a runtime, evaluated for each component.

Most of a module has nothing to do with other components. What is cut away here is cut away once a type, so
that judging a component costs microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from karma_core.inference.expressions import (
    Attribute,
    Expression,
    For,
    Index,
    Literal,
    Name,
    Object,
    Template,
    Tuple,
    parts_of,
)
from karma_core.inference.facts import Block, Body, Child

DEPENDENCIES: Final = "dependencies"
_PARAMETER: Final = ("aws_ssm_parameter",)
REMOTE_STATE: Final = "terraform_remote_state"
RUNTIME: Final = "/runtime"
CONFIG: Final = "/config"
_NAMED: Final = ("aws_ssm_parameter", "aws_secretsmanager_secret", "aws_secretsmanager_secret_version")
"""Types of which a module reads the values of others by names."""
MAX_FOLLOWED: Final = 8
"""Locals that lead to each other before a name's end is looked at. Ours."""
_SPLIT: Final = (Object, Tuple, Template)
"""Expressions that return their parts unchanged, so that each part can be examined by itself."""


def sliced(body: Body) -> Body:
    """The module with those sites only that may use a runtime."""
    return _Slicer(body, frozenset({DEPENDENCIES})).cut()


class _Slicer:
    """One body in its place: `variables` are those through which a runtime may come in."""

    def __init__(self, body: Body, variables: frozenset[str]) -> None:
        self._body = body
        self._variables = variables
        self._locals: dict[str, bool] = {}
        self._children: dict[str, _Slicer | None] = {}

    def _child(self, name: str) -> _Slicer | None:
        """A child module in its place; None where its files are not known, or there is none of the name."""
        if name not in self._children:
            self._children[name] = None  # while it is looked at: a child in a cycle gives itself nothing
            child = self._body.children.get(name)
            if child is not None and child.body is not None:
                call = child.call
                given = {n for n, site in call.arguments.items() if self._in_block(site.expression, call)}
                self._children[name] = _Slicer(child.body, frozenset(given))
        return self._children[name]

    def cut(self) -> Body:
        """Return the body with only the parts that may use a runtime."""
        body = self._body
        return replace(
            body,
            lookups=tuple(block for block in body.lookups if self._is_ordinary(block)),
            creates=tuple(block for block in body.creates if self._is_ordinary(block)),
            blocks=tuple(kept for block in body.blocks if (kept := self._cut_block(block)) is not None),
            readers=tuple(name for name in body.locals if self._local(name)),
            exports=tuple(
                name for name, site in body.outputs.items() if self._reaches(site.expression, frozenset())
            ),
            children={name: self._cut_child(name, child) for name, child in body.children.items()},
        )

    def _is_ordinary(self, block: Block) -> bool:
        """Whether it is no parameter of Karma's, by the end of its name."""
        if block.labels[0] not in _PARAMETER or "name" not in block.arguments:
            return True
        return not _tail(_followed(self._body, block.arguments["name"].expression)).endswith(
            (RUNTIME, CONFIG)
        )

    def _cut_child(self, name: str, child: Child) -> Child:
        """The child cut down; of one that is not read, arguments stay that may be a runtime or name one."""
        slicer = self._child(name)
        if slicer is not None:
            return replace(child, body=slicer.cut(), used=slicer.reads_anything())
        call = child.call
        given = {n: site for n, site in call.arguments.items() if self._in_block(site.expression, call)}
        named = {
            n: site for n, site in call.arguments.items() if may_name(self._body, site.expression, RUNTIME)
        }
        return replace(child, call=replace(call, arguments={**named, **given}), used=bool(given))

    def _cut_block(self, block: Block, names: frozenset[str] = frozenset()) -> Block | None:
        """Return the block with the sites that may use a runtime; None if none may."""
        own = block.for_each is not None and self._reaches(block.for_each.expression, names)
        counted = block.count is not None and self._reaches(block.count.expression, names)
        inner = names | {block.iterator} if own else names - {block.iterator}
        sites = tuple(
            replace(site, expression=part)
            for site in block.sites
            for part in _split(site.expression)
            if self._reaches(part, inner)
        )
        blocks = tuple(kept for nested in block.blocks if (kept := self._cut_block(nested, inner)))
        if not (own or counted or sites or blocks):
            return None
        return replace(block, sites=sites, blocks=blocks)

    def _in_block(self, node: Expression, block: Block) -> bool:
        own = block.for_each is not None and self._reaches(block.for_each.expression, frozenset())
        return self._reaches(node, frozenset({block.iterator}) if own else frozenset())

    def _reaches(self, node: Expression, names: frozenset[str]) -> bool:  # noqa: PLR0911 - one case a kind
        """Whether a runtime may flow through the expression; `names` are iterators over such."""
        match node:
            case Name(name=name):
                return name in names
            case Attribute(of=Name(name="var"), name=name):
                return name in self._variables
            case Attribute(of=Name(name="local"), name=name):
                return self._local(name)
            case Attribute(of=Name(name="module"), name=name):
                return self._output(name)
            case Attribute(of=Attribute(of=Name(name="data" | "ephemeral"), name=kind), name=name):
                return kind == REMOTE_STATE or (kind in _PARAMETER and self._holds_runtime(name))
            case For() if self._reaches(node.of, names):
                return True
            case _:
                return any(self._reaches(part, names) for part in parts_of(node))

    def _local(self, name: str) -> bool:
        if name not in self._locals:
            self._locals[name] = False  # while it is looked at: a local in a cycle adds nothing to itself
            site = self._body.locals.get(name)
            self._locals[name] = site is not None and self._reaches(site.expression, frozenset())
        return self._locals[name]

    def _output(self, name: str) -> bool:
        """Whether a child module's outputs may hold a runtime; a runtime given to an unknown one may not."""
        child = self._child(name)
        return child is not None and child.reads_anything()

    def reads_anything(self) -> bool:
        """Whether any runtime may come into the module."""
        body = self._body
        children = map(self._child, body.children)
        inside = any(child is not None and child.reads_anything() for child in children)
        own = bool(self._variables) or bool(body.states)
        return own or inside or any(map(self._holds_runtime, body.reads))

    def _holds_runtime(self, name: str) -> bool:
        """Whether a data source's value may be a runtime; that of a name that ends otherwise is none."""
        block = self._body.reads.get(name)
        return block is None or may_name(self._body, block.arguments["name"].expression, RUNTIME)


def may_name(body: Body, node: Expression, *kinds: str) -> bool:
    """Whether a parameter's name, as far as it is certain, may end in one of these kinds (`/runtime`)."""
    tail = _tail(_followed(body, node))
    return any(tail.endswith(kind) or kind.endswith(tail) for kind in kinds)


def named_alone(body: Body, block: Block) -> bool:
    """Whether a block reads a parameter or secret that nothing but its name tells.

    A name that may be that of a config or runtime is followed by the module's reads, and one that is an
    attribute of another such block leads to that.
    """
    kind = block.labels[0]
    if kind not in _NAMED:
        return False
    names = [_followed(body, site.expression) for site in block.arguments.values()]
    if kind in _PARAMETER and any(may_name(body, name, RUNTIME, CONFIG) for name in names):
        return False
    return not any(_leads_to(name, _NAMED) for name in names)


def _leads_to(node: Expression, kinds: tuple[str, ...]) -> bool:
    """Whether an expression is an attribute of a resource or data source of these types."""
    while isinstance(node, (Attribute, Index)):
        if isinstance(node, Attribute) and node.name in kinds:
            return True
        node = node.of
    return isinstance(node, Name) and node.name in kinds


def _followed(body: Body, node: Expression) -> Expression:
    """The expression behind a local, as far as one leads to another."""
    for _ in range(MAX_FOLLOWED):
        match node:
            case Attribute(of=Name(name="local"), name=name) if name in body.locals:
                node = body.locals[name].expression
            case _:
                break
    return node


def _tail(node: Expression) -> str:
    """The text that the expression certainly ends with."""
    match node:
        case Literal(value=str(text)):
            return text
        case Template(parts=(*_, Literal(value=str(text)))):
            return text
        case _:
            return ""


def _split(node: Expression) -> Iterator[Expression]:
    """The smallest expressions whose values are handed on whole."""
    if isinstance(node, _SPLIT):
        for part in parts_of(node):
            yield from _split(part)
    else:
        yield node
