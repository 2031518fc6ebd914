"""Remote states in a plan-only copy: their outputs are those that a plan foresees.

A data source `terraform_remote_state` becomes a local of ours: an object for each instance, with the planned
outputs where its backend, the arguments that identify a state there, and its workspace name a planned state;
else from the data source, which then is read for the others alone. Terraform itself evaluates which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final

from karma_adapters.terraform.hcl_edits import Edit, path_of, values
from karma_adapters.terraform.plan_only_parameters import Instances, Names, renamed, whole
from karma_core import hcl
from karma_core.hcl import nodes
from karma_core.json_types import JsonValue
from karma_core.records import PlannedRuntime, PlannedState
from karma_core.state_places import ARGUMENTS, DEFAULT

TYPE: Final = "terraform_remote_state"
PLANNED: Final = "karma_planned_states"
READ: Final = "karma_state_"
_OF_COUNT: Final[Names] = {("count", "index"): "each.value"}
_READING: Final = ("backend", "config", "workspace", "defaults")
_CONVERTED: Final = {"list": "tolist", "map": "tomap", "set": "toset"}
Written = Callable[[JsonValue, JsonValue], str]
"""Writes a value with its marks as HCL."""


def uses(expression: hcl.Expression) -> Iterator[Edit]:
    """The edits by which every use of a remote state uses our local instead."""
    for node in nodes.walk(expression):
        path = path_of(node)
        if path[:2] == ("data", TYPE) and len(path) == 3:  # noqa: PLR2004 - and a name
            yield Edit(node.start, node.end, f"local.{READ}{path[2]}")


def reading_edits(document: hcl.Document) -> Iterator[Edit]:
    """The edits of all uses in a file, and those that restrict the data sources to what is not planned."""
    for expression in values(document.body):
        yield from uses(expression)
    for block in _blocks(document):
        yield from _data_edits(document, block)


def locals_of(document: hcl.Document) -> Iterator[str]:
    """The definitions of those locals, one for each data source."""
    for block in _blocks(document):
        yield f"{READ}{block.labels[1]} = {_States(document, block, uses).read()}"


def planned_local(states: Iterable[PlannedState], expression: Written) -> str:
    """The local with the outputs of every planned state, by what names it."""
    entries = "".join(
        f"    (jsonencode({_name(one)})) = {_outputs(one.outputs, expression)}\n" for one in states
    )
    return f"{PLANNED} = {{\n{entries}  }}"


def _outputs(planned: PlannedRuntime, expression: Written) -> str:
    """The outputs of a state, those that are wholly known in their types."""
    if planned.unknown is True:
        return expression(None, True)
    marks = planned.unknown or {}
    parts = [
        f"{expression(name, None)} = "
        + (
            expression(planned.known.get(name), marks[name])
            if name in marks
            else typed(planned.known[name], planned.types.get(name), expression)
        )
        for name in sorted(planned.known.keys() | marks.keys())
    ]
    return "{ " + ", ".join(parts) + " }"


def typed(value: JsonValue, of_type: JsonValue, expression: Written) -> str:
    """A known value as an HCL expression of a type as Terraform writes it: `["list", "string"]`."""
    if value is None or not isinstance(of_type, list):
        return expression(value, None)
    kind, inner = of_type[0], of_type[1]
    if isinstance(value, list):
        types = inner if kind == "tuple" else [inner] * len(value)
        items = (typed(item, one, expression) for item, one in zip(value, types, strict=True))
        return f"{_CONVERTED.get(kind, '')}([{', '.join(items)}])"
    if not isinstance(value, dict):
        return expression(value, None)
    members = (
        f"{expression(key, None)} = {typed(item, inner[key] if kind == 'object' else inner, expression)}"
        for key, item in sorted(value.items())
    )
    return f"{_CONVERTED.get(kind, '')}({{ {', '.join(members)} }})"


def _name(state: PlannedState) -> str:
    """What a state is named by, as a list in HCL: JSON without templates is HCL, too."""
    arguments = dict(state.named.arguments)
    name = [state.named.backend, [arguments.get(one) for one in ARGUMENTS], state.named.workspace]
    return json.dumps(name).replace("${", "$${").replace("%{", "%%{")


def _blocks(document: hcl.Document) -> Iterator[hcl.Block]:
    for block in document.body.of_type("data"):
        if block.labels[:1] == (TYPE,) and len(block.labels) > 1 and "backend" in block.attributes:
            yield block


class _States(Instances):
    """The instances of a remote state, known by what names it."""

    planned_local: ClassVar[str] = PLANNED
    real_value: ClassVar[str] = "karma_one"

    def name(self, *, bound: bool = True) -> str:
        """What names the state, as JSON; no secret even where a secret value is part of it."""
        backend, config = (self._argument(name, bound=bound) for name in ("backend", "config"))
        listed = ", ".join(f'"{name}"' for name in ARGUMENTS)
        picked = f"[for karma_argument in [{listed}] : try(({config or '{}'})[karma_argument], null)]"
        workspace = self._argument("workspace", bound=bound)
        given = f'coalesce({workspace}, "{DEFAULT}")' if workspace else f'"{DEFAULT}"'
        name = f"jsonencode([{backend}, {picked}, {given}])"
        return f"try(nonsensitive({name}), {name})"

    def planned(self) -> str:
        """The data source as it will be, with its defaults for outputs that the state has not."""
        defaults = self._argument("defaults", bound=True)
        return f"{{ outputs = merge({defaults or '{}'}, karma_one) }}"

    def _argument(self, name: str, *, bound: bool) -> str:
        attribute = self._block.attributes.get(name)
        return self.source(attribute.expression, None if bound else {}) if attribute is not None else ""


def _data_edits(document: hcl.Document, block: hcl.Block) -> Iterator[Edit]:
    """Restrict the data source to states that are not planned: it is by for_each from now on."""
    instances = _States(document, block, uses)
    counted = "count" in block.attributes
    for name in ("count", "for_each"):
        if name in block.attributes:
            yield whole(block.attributes[name], "")
    backend = block.attributes["backend"]
    yield Edit(backend.start, backend.start, f"\n  for_each = {instances.others()}\n  ")
    yield Edit(backend.expression.end, backend.expression.end, "\n")
    for name in _READING:
        if counted and name in block.attributes:
            yield from renamed(block.attributes[name].expression, _OF_COUNT)
