"""Stored facts of a module: the parts of its files by which it reads, writes, looks up and creates.

Facts are frozen, serialisable and the same for all components of a type. They hold expressions, no values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from karma_core.inference.expressions import Expression
from karma_core.state_places import NamedState

BY_PATH: Final = "aws_ssm_parameters_by_path"
"""The data source that reads all parameters below a path."""


class _Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Base of all facts."""


class Site(_Fact, frozen=True, kw_only=True):
    """An expression where it stands. `place` is `main.tf:12`; `text` how it was written, shortened."""

    expression: Expression
    place: str
    text: str


class Block(_Fact, frozen=True, kw_only=True):
    """A block of a module that may exist several times, by `count` or `for_each`.

    `sites` are the expressions in it that may read a runtime, `arguments` those that are known by name: a
    parameter's name, what a data source or resource is identified by, what a child module is given. `blocks`
    are its dynamic blocks; `iterator` is the name of their item (`each` for the block itself).
    """

    kind: str
    labels: tuple[str, ...] = ()
    place: str
    count: Site | None = None
    for_each: Site | None = None
    iterator: str = "each"
    arguments: dict[str, Site] = {}
    sites: tuple[Site, ...] = ()
    blocks: tuple[Block, ...] = ()


class Variable(_Fact, frozen=True, kw_only=True):
    """An input variable: its default, its type, and where its block stands (`variables.tf:3`).

    `nullable`: a null that it is given stays null; else the default stands in for it.
    """

    default: Expression | None = None
    type: Expression | None = None
    nullable: bool = True
    place: str = ""


class FileRead(_Fact, frozen=True, kw_only=True):
    """A path that an expression reads: by a function, or by a text with the module's path in it (`""`).

    `fileset` has two arguments, a directory and a pattern.
    """

    function: str = ""
    arguments: tuple[Expression, ...]
    place: str


class UnseenRead(_Fact, frozen=True, kw_only=True):
    """A data source that reads the outside: `data.http.x`, and where it stands."""

    what: str
    place: str


class Child(_Fact, frozen=True, kw_only=True):
    """A child module and the block that calls it; `body` is None where its files are not known.

    `used`: a runtime may come into it, by what it is given or by what it reads itself. `too_deep`: it is
    here and was not read, because modules nest too deeply.
    """

    call: Block
    body: Body | None = None
    used: bool = False
    too_deep: bool = False


class Body(_Fact, frozen=True, kw_only=True):
    """One module.

    `reads` are its data sources `aws_ssm_parameter` by name, `states` its remote states by name, `writes` its
    resources of parameters; `lookups`
    and `creates` are data sources and resources with an identifying argument; `blocks` all blocks that may
    use a runtime; `readers` the locals that may, `exports` the outputs.
    """

    variables: dict[str, Variable] = {}
    locals: dict[str, Site] = {}
    outputs: dict[str, Site] = {}
    reads: dict[str, Block] = {}
    states: dict[str, Block] = {}
    writes: tuple[Block, ...] = ()
    lookups: tuple[Block, ...] = ()
    creates: tuple[Block, ...] = ()
    blocks: tuple[Block, ...] = ()
    children: dict[str, Child] = {}
    readers: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    directory: str = "."
    """The module's directory, relative to the type's own: Terraform's `path.module`."""
    file_reads: tuple[FileRead, ...] = ()
    backend: NamedState | None = None
    """The state that its own `backend` block names as a whole, in literals; Karma keeps it elsewhere."""
    unseen: tuple[UnseenRead, ...] = ()
    """Its data sources that may read of other components in ways that are not followed."""


class ModuleFacts(_Fact, frozen=True, kw_only=True):
    """The facts of a component type's module, child modules included.

    `texts` are the files that its functions read, by path relative to the type's directory, as far as they
    are short texts.
    """

    body: Body
    texts: dict[str, str] = {}

    @property
    def created(self) -> frozenset[str]:
        """Types of the resources that the module may create and that a data source could find."""
        return frozenset(_of_type(self.body, lookups=False))

    @property
    def reads_parameters(self) -> bool:
        """Whether the module reads parameters by their names."""
        return _reads(self.body)

    @property
    def reads_states(self) -> bool:
        """Whether the module, or a child of it, reads remote states."""
        return _reads_states(self.body)

    @property
    def unseen(self) -> tuple[UnseenRead, ...]:
        """What the module and its child modules read that is not followed, in order, each once."""
        return tuple(dict.fromkeys(_unseen(self.body)))

    @property
    def sought(self) -> frozenset[str]:
        """Types of the resources that the module looks up."""
        return frozenset(_of_type(self.body, lookups=True))


def _unseen(body: Body) -> Iterator[UnseenRead]:
    yield from body.unseen
    for child in body.children.values():
        if child.body is not None:
            yield from _unseen(child.body)


def _reads(body: Body) -> bool:
    return bool(body.reads) or any(_reads(c.body) for c in body.children.values() if c.body is not None)


def _reads_states(body: Body) -> bool:
    children = (child.body for child in body.children.values() if child.body is not None)
    return bool(body.states) or any(map(_reads_states, children))


def _of_type(body: Body, *, lookups: bool) -> set[str]:
    types = {block.labels[0] for block in (body.lookups if lookups else body.creates)}
    for child in body.children.values():
        if child.body is not None:
            types |= _of_type(child.body, lookups=lookups)
    return types


def encode(facts: ModuleFacts) -> bytes:
    """The facts as JSON."""
    return msgspec.json.encode(facts)


_decoder = msgspec.json.Decoder(ModuleFacts)


def decode(text: bytes) -> ModuleFacts:
    """Facts from JSON; msgspec.MsgspecError if it holds none."""
    return _decoder.decode(text)
