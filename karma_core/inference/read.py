"""Reads a module's files into facts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import structs

from karma_core import configuration, hcl
from karma_core.configuration import Engine
from karma_core.inference import overrides, sources
from karma_core.inference.expressions import Literal, Name
from karma_core.inference.facts import (
    BY_PATH,
    Block,
    Body,
    Child,
    FileRead,
    ModuleFacts,
    Site,
    UnseenRead,
    Variable,
)
from karma_core.inference.file_reads import collect
from karma_core.inference.slicing import REMOTE_STATE, sliced
from karma_core.inference.sources import Source
from karma_core.state_places import BACKENDS, NamedState

Files = Mapping[str, bytes]
"""Path relative to the modules' root → content, of a module's files and those of its child modules."""

PARAMETER: Final = "aws_ssm_parameter"
MAX_MODULES: Final = 32
"""How deep child modules may nest. Ours: real ones nest two or three deep."""
MAX_CALLS: Final = 1_000
"""Child modules that are read for one type, each as often as it is called. Ours: real types have a dozen."""
IDENTITIES: Final = (
    "arn",
    "bucket",
    "cluster_id",
    "cluster_identifier",
    "cluster_name",
    "db_instance_identifier",
    "domain",
    "domain_name",
    "function_name",
    "id",
    "identifier",
    "name",
    "repository_name",
)
"""Arguments by which a data source finds one thing, or a resource names it (AWS provider documentation)."""

_FURTHER: Final = {
    "aws_secretsmanager_secret_version": ("secret_id",),
    BY_PATH: ("path", "recursive"),
}
"""Further such arguments of a type."""

_READING: Final = ("data", "ephemeral")
_UNSEEN: Final = frozenset(
    {"external", "http", "local_file", "local_sensitive_file"}
    | {"aws_cloudformation_export", "aws_cloudformation_stack"}
)
"""Data sources that may carry what others made into the module in ways that are not followed."""
_CREATED_BY_NONE: Final = frozenset({"aws_cloudformation_export"})
"""Data sources that find what no resource is: a stack has exports by its template."""
_STATIC: Final = frozenset({"moved"})
"""Blocks without any expression of a value."""


def read_module(component_type: str, files: Files, engine: Engine = Engine.TERRAFORM) -> ModuleFacts:
    """The facts of a type's module, of the files that the engine reads; BadInput as `hcl.parse`.

    Expressions and locals whose nesting exceeds Python's stack are refused alike: no real module has them.
    """
    try:
        body = _Reader(component_type, files, engine).body(component_type, depth=0)
        return ModuleFacts(body=sliced(_with_values(body, component_type, files)))
    except RecursionError as error:
        why = "its expressions are nested too deeply, or too many locals lead to each other"
        raise hcl.unreadable(component_type, why, 1, 1) from error


def _with_values(body: Body, directory: str, files: Files) -> Body:
    """The body whose variables have the values of the root's `.tfvars` files in place of their defaults.

    The order is Terraform's: `terraform.tfvars`, `terraform.tfvars.json`, then `*.auto.tfvars` by name.
    """
    names = [path.removeprefix(f"{directory}/") for path in files if path.startswith(f"{directory}/")]
    chosen = sorted(
        (n for n in names if "/" not in n and configuration.is_values(n)),
        key=lambda name: (not name.startswith("terraform.tfvars"), name),
    )
    variables = dict(body.variables)
    for name in chosen:
        for variable, value in sources.values(files[f"{directory}/{name}"], f"{directory}/{name}").items():
            if variable in variables:
                variables[variable] = structs.replace(variables[variable], default=value)
    return structs.replace(body, variables=variables) if chosen else body


class _Reader:
    def __init__(self, component_type: str, files: Files, engine: Engine) -> None:
        self._root = component_type
        self._files = files
        self._calls_left = MAX_CALLS
        by_directory: dict[str, list[str]] = {}
        for path in files:
            directory, _, name = path.rpartition("/")
            by_directory.setdefault(directory, []).append(name)
        in_order = {place: configuration.in_order(names, engine) for place, names in by_directory.items()}
        self._by_directory = {place: names for place, names in in_order.items() if names}

    def body(self, directory: str, *, depth: int) -> Body:
        """The module in a directory with its child modules, whole."""
        parts = _Parts()
        for source in self._sources(directory):
            parts.add(source)
        return Body(
            variables=parts.variables,
            locals=parts.locals,
            outputs=parts.outputs,
            reads=parts.reads,
            states=parts.states,
            writes=tuple(parts.writes),
            lookups=tuple(parts.lookups),
            creates=tuple(parts.creates),
            blocks=tuple(parts.blocks),
            children={
                name: self._child(directory, call, path, depth) for name, (call, path) in parts.calls.items()
            },
            directory=posixpath.relpath(directory, self._root),
            file_reads=tuple(parts.file_reads),
            backend=parts.backend,
            unseen=tuple(parts.unseen),
        )

    def _sources(self, directory: str) -> list[Source]:
        """The blocks of a module, as its override files leave them."""
        blocks: list[Source] = []
        later: list[Source] = []
        for name in self._by_directory.get(directory, ()):
            path = f"{directory}/{name}"
            place = posixpath.relpath(path, self._root)
            into = later if configuration.is_override(name) else blocks
            into += sources.read(self._files[path], path, place)
        return overrides.merged(blocks, later)

    def _child(self, directory: str, call: Block, source: str, depth: int) -> Child:
        """Read a local child module; of any other child only its arguments are known."""
        path = posixpath.normpath(f"{directory}/{source}")
        if not source.startswith(("./", "../")) or path not in self._by_directory:
            return Child(call=call)
        self._calls_left -= 1
        if depth >= MAX_MODULES or self._calls_left < 0:
            return Child(call=call, too_deep=True)
        return Child(call=call, body=self.body(path, depth=depth + 1))


@dataclass
class _Parts:
    """Collects the parts of a body while its files are read."""

    variables: dict[str, Variable] = field(default_factory=dict)
    locals: dict[str, Site] = field(default_factory=dict)
    outputs: dict[str, Site] = field(default_factory=dict)
    reads: dict[str, Block] = field(default_factory=dict)
    states: dict[str, Block] = field(default_factory=dict)
    writes: list[Block] = field(default_factory=list)
    lookups: list[Block] = field(default_factory=list)
    creates: list[Block] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    calls: dict[str, tuple[Block, str]] = field(default_factory=dict)
    file_reads: list[FileRead] = field(default_factory=list)
    unseen: list[UnseenRead] = field(default_factory=list)
    backend: NamedState | None = None

    def add(self, source: Source) -> None:
        """Sort one block of a file in."""
        self.file_reads += (read for site in _all_sites(source) for read in collect(site))
        attributes = source.attributes
        if source.type == "locals":
            self.locals.update(attributes)
        elif source.type == "variable" and source.labels:
            self.variables[source.labels[0]] = _variable(source)
            self._add_conditions(source, "validation")
        elif source.type == "output" and source.labels:
            if "value" in attributes:
                self.outputs[source.labels[0]] = attributes["value"]
            self._add_conditions(source, "precondition")
        elif source.type == "module" and source.labels:
            path = attributes["source"].expression if "source" in attributes else None
            text = str(path.value) if isinstance(path, Literal) else ""
            call = _block(source, keep=None)
            self.calls[source.labels[0]] = (call, text)
            self.blocks.append(structs.replace(call, arguments={}))  # how many instances there are
        elif source.type == "terraform":
            self.backend = next(filter(None, map(_backend, source.blocks)), self.backend)
        elif source.type not in _STATIC:  # also of a type that is newer than this
            self._add_user(source)

    def _add_conditions(self, source: Source, kind: str) -> None:
        """The conditions of a variable or output, which may refer to anything."""
        of_json = {name: site for name, site in source.attributes.items() if name == kind}
        blocks = tuple(inner for inner in source.blocks if inner.type == kind)
        if of_json or blocks:
            self.blocks.append(_block(replace(source, attributes=of_json, blocks=blocks), keep=()))

    def _add_user(self, source: Source) -> None:
        """A block that may use runtimes; by its type also one that reads, writes, looks up or creates."""
        self.blocks.append(_block(source, keep=()))
        if len(source.labels) < 2:  # noqa: PLR2004 - a type and a name
            return
        kind, name = source.labels[:2]
        reading = source.type in _READING
        if reading and (kind in _UNSEEN or (kind == BY_PATH and "path" not in source.attributes)):
            self.unseen.append(UnseenRead(what=f"{source.type}.{kind}.{name}", place=source.place))
        if kind == REMOTE_STATE and source.type == "data":
            self.states[name] = _block(source, keep=("backend", "config", "defaults", "workspace"))
        block = _block(source, keep=(*IDENTITIES, *_FURTHER.get(kind, ())))
        if not block.arguments or (kind == BY_PATH and "path" not in block.arguments):
            return
        if reading and kind in _CREATED_BY_NONE:
            return
        if kind != PARAMETER or "name" in block.arguments:
            (self.lookups if reading else self.creates).append(block)
        if kind == PARAMETER and "name" in block.arguments:
            if reading:
                self.reads[name] = block
            else:
                self.writes.append(block)


def _backend(source: Source) -> NamedState | None:
    """The state that a block names, if it is a `backend` that does so in literals."""
    known = BACKENDS.get(source.labels[0]) if source.type == "backend" and source.labels else None
    if known is None:
        return None
    given = {name: site.expression for name, site in source.attributes.items() if name in known.arguments}
    texts = {n: e.value for n, e in given.items() if isinstance(e, Literal) and isinstance(e.value, str)}
    named = NamedState(source.labels[0], tuple(sorted(texts.items())))
    return named if texts.keys() == given.keys() and named.place is not None else None


def _block(source: Source, *, keep: tuple[str, ...] | None, iterator: str = "each") -> Block:
    """The block with the arguments named in `keep` (None: all), or, if none are, with all its sites."""
    own = {n: site for n, site in source.attributes.items() if configuration.holds_value(source.type, n)}
    count, for_each = own.pop("count", None), own.pop("for_each", None)
    sites: tuple[Site, ...] = ()
    dynamic: tuple[Block, ...] = ()
    if keep == ():
        sites = (*own.values(), *(site for inner in source.blocks for site in _nested(inner)))
        dynamic = tuple(_dynamic(inner) for inner in _all_dynamic(source))
    return Block(
        kind=source.type,
        labels=source.labels,
        place=source.place,
        count=count,
        for_each=for_each,
        iterator=iterator,
        arguments={name: site for name, site in own.items() if keep is None or name in keep},
        sites=sites,
        blocks=dynamic,
    )


def _all_sites(source: Source) -> Iterator[Site]:
    """Every expression of a block and those in it."""
    yield from source.attributes.values()
    for inner in source.blocks:
        yield from _all_sites(inner)


def _nested(source: Source) -> Iterator[Site]:
    """The expressions of a nested block and those in it, dynamic ones left out."""
    if source.type == "dynamic":
        return
    holds_value = configuration.holds_value
    yield from (site for name, site in source.attributes.items() if holds_value(source.type, name))
    for inner in source.blocks:
        yield from _nested(inner)


def _all_dynamic(source: Source) -> Iterator[Source]:
    """The outermost dynamic blocks anywhere inside."""
    for inner in source.blocks:
        if inner.type == "dynamic":
            yield inner
        else:
            yield from _all_dynamic(inner)


def _dynamic(source: Source) -> Block:
    """A dynamic block: its content once an item of its `for_each`, which its label or `iterator` names."""
    given = source.attributes.get("iterator")
    named = given.expression.name if given and isinstance(given.expression, Name) else None
    label = source.labels[0] if source.labels else ""
    content = [inner for inner in source.blocks if inner.type == "content"]
    return Block(
        kind="dynamic",
        labels=source.labels,
        place=source.place,
        for_each=source.attributes.get("for_each"),
        iterator=named or label,
        sites=tuple(site for inner in content for site in _nested(inner)),
        blocks=tuple(_dynamic(deep) for inner in content for deep in _all_dynamic(inner)),
    )


def _variable(source: Source) -> Variable:
    default, of_type = source.attributes.get("default"), source.attributes.get("type")
    nullable = source.attributes.get("nullable")
    return Variable(
        default=default.expression if default else None,
        type=of_type.expression if of_type else None,
        nullable=nullable is None or nullable.expression != Literal(False),
        place=source.place,
    )
