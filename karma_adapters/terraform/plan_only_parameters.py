"""Parameters in a plan-only copy: reads take planned values, and writes are shown by added outputs.

A data source `aws_ssm_parameter` becomes a local of ours: an object for each instance, taken from the planned
parameters where they have its name, else from the data source, which then is read for the others alone.
Terraform itself decides which, because only it knows every name. `jsondecode(….value)` becomes the decoded
object: as text, a runtime with one unknown key would be unknown as a whole.

A resource `aws_ssm_parameter` whose value is `jsonencode(…)` gets an output with the argument, so that the
plan tells part by part what will be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import ClassVar, Final

from karma_adapters.terraform.hcl_edits import Edit, applied, path_of, values
from karma_core import hcl
from karma_core.hcl import nodes
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.records import PlannedRuntime

TYPE: Final = "aws_ssm_parameter"
PLANNED: Final = "karma_planned_parameters"
READ: Final = "karma_parameter_"
WRITTEN: Final = "karma_written_"
DECODED: Final = "karma_decoded"
_TEXTS: Final = frozenset({"value", "insecure_value"})
_ARN: Final = '"/^arn:[a-z-]*:ssm:[a-z0-9-]*:[0-9]*:parameter/"'
Names = Mapping[tuple[str, ...], str]
"""The start of a traversal → what stands for it in a loop of ours."""
_EACH: Final[Names] = {("each", "key"): "karma_key", ("each", "value"): "karma_value"}
_COUNT: Final[Names] = {("count", "index"): "karma_value"}
Uses = Callable[[hcl.Expression], Iterable[Edit]]
"""The edits of all uses of something in an expression."""


def no_uses(_expression: hcl.Expression) -> tuple[Edit, ...]:
    """Nothing else is replaced."""
    return ()


def reading_edits(document: hcl.Document, further: Uses = no_uses) -> Iterator[Edit]:
    """The edits by which every use of a parameter that was read uses our local instead.

    `further` are the edits of other uses, in expressions of which we make others.
    """
    for expression in values(document.body):
        yield from uses(expression)
    for block in _blocks(document, "data"):
        yield from _data_edits(block, Instances(document, block, further))


def locals_of(document: hcl.Document, further: Uses = no_uses) -> Iterator[str]:
    """The definitions of those locals, one for each data source."""
    for block in _blocks(document, "data"):
        yield f"{READ}{block.labels[1]} = {Instances(document, block, further).read()}"


def outputs_of(document: hcl.Document, further: Uses = no_uses) -> Iterator[str]:
    """One output for each resource whose value is an encoded object: a list of names and values."""
    for block in _blocks(document, "resource"):
        value = block.attributes.get("value") or block.attributes.get("insecure_value")
        argument = _argument(value.expression, "jsonencode") if value else None
        if argument is not None:
            pairs = Instances(document, block, further).written(argument)
            yield f'output "{WRITTEN}{block.labels[1]}" {{\n  value     = {pairs}\n  sensitive = true\n}}'


def planned_local(parameters: Mapping[str, PlannedRuntime], expression: JsonValue, unknown: str) -> str:
    """The local with every planned parameter by name, sensitive as the data source is.

    `expression` writes a value with its marks as HCL, `unknown` is an unknown of any type.
    """
    entries = []
    for name, planned in sorted(parameters.items()):
        decoded = expression(planned.known, planned.unknown)
        text = f"tostring({unknown})" if planned.unknown else f"jsonencode({decoded})"
        facts = {
            "id": expression(name, None),
            "name": expression(name, None),
            "arn": unknown,
            "type": unknown,
            "version": unknown,
            "value": f"sensitive({text})",
            "insecure_value": text,
            DECODED: f"sensitive({decoded})",
        }
        body = ", ".join(f"{key} = {value}" for key, value in facts.items())
        entries.append(f"    {expression(name, None)} = {{ {body} }}\n")
    return f"{PLANNED} = {{\n{''.join(entries)}  }}"


def written(outputs: JsonMapping) -> dict[str, PlannedRuntime]:
    """Read the outputs of `outputs_of` in a plan's `output_changes`: parameter's name → planned value."""
    runtimes: dict[str, PlannedRuntime] = {}
    for name, change in sorted(outputs.items()):
        if not name.startswith(WRITTEN) or not isinstance(change.get("after"), list):
            continue
        marks = change.get("after_unknown")
        for at, one in enumerate(change["after"]):
            mark = marks[at] if isinstance(marks, list) and at < len(marks) else {}
            if isinstance(one.get("name"), str) and isinstance(one.get("value"), dict):
                runtimes[one["name"]] = PlannedRuntime(known=one["value"], unknown=mark.get("value") or None)
    return runtimes


def _blocks(document: hcl.Document, kind: str) -> Iterator[hcl.Block]:
    """The data sources or resources of parameters."""
    for block in document.body.of_type(kind):
        if block.labels[:1] == (TYPE,) and len(block.labels) > 1 and "name" in block.attributes:
            yield block


class Instances:
    """The instances of a block: how they come about, and the block's expressions within a loop of ours."""

    planned_local: ClassVar[str] = PLANNED
    real_value: ClassVar[str] = f"merge(karma_one, {{ {DECODED} = try(jsondecode(karma_one.value), null) }})"

    def __init__(self, document: hcl.Document, block: hcl.Block, further: Uses = no_uses) -> None:
        self._further = further
        self._text = document.text
        self._block = block
        self._for_each = block.attributes.get("for_each")
        self._count = block.attributes.get("count")
        self._names: Names = _EACH if self._for_each else _COUNT if self._count else {}

    def loop(self) -> str:
        """Return what a generated loop iterates: a map, a set, or an object of numbers by their text."""
        if self._for_each:
            return self.source(self._for_each.expression, {})
        if self._count:
            numbers = f"range({self.source(self._count.expression, {})})"
            return f"{{ for karma_index in {numbers} : tostring(karma_index) => karma_index }}"
        return '{ "0" = 0 }'

    def source(self, expression: hcl.Expression, names: Names | None = None) -> str:
        """An expression with our edits, and the names of its instance by those of the loop."""
        bound = self._names if names is None else names
        edits = chain(uses(expression), self._further(expression), renamed(expression, bound))
        return applied(self._text, edits, start=expression.start, end=expression.end)

    def name(self, *, bound: bool = True) -> str:
        """The parameter's name (an ARN becomes one), no secret even where a secret value is part of it."""
        own = self.source(self._block.attributes["name"].expression, None if bound else {})
        plain = f'replace({own}, {_ARN}, "")'
        return f"try(nonsensitive({plain}), {plain})"

    def others(self) -> str:
        """The instances whose parameter is not planned."""
        condition = f"!contains(keys(local.{self.planned_local}), {self.name()})"
        return f"{{ for karma_key, karma_value in {self.loop()} : karma_key => karma_value if {condition} }}"

    def read(self) -> str:
        """Return the data source's value: an object, a list by `count`, or a map of objects by `for_each`."""
        named = f"karma_name, karma_one in local.{self.planned_local}"
        planned = f"[for {named} : {self.planned()} if karma_name == {self.name()}]"
        data = ".".join(("data", *self._block.labels))
        if self._count:
            key, opening, closing = "tostring(karma_value)", "[for karma_value in", "]"
            loop, result = f"range({self.source(self._count.expression, {})})", ""
        elif self._for_each:
            key, opening, closing = "karma_key", "{ for karma_key, karma_value in", " }"
            loop, result = self.loop(), "karma_key => "
        else:
            key, opening, closing = "karma_key", "one([for karma_key, karma_value in", "])"
            loop, result = self.loop(), ""
        others = f"[for karma_at, karma_one in {data} : {self.real_value} if karma_at == {key}]"
        return f"{opening} {loop} : {result}concat({planned}, {others})[0]{closing}"

    def planned(self) -> str:
        """An instance that is planned, `karma_one` being what is planned under its name."""
        return "karma_one"

    def written(self, argument: hcl.Expression) -> str:
        """A list of what the instances write."""
        name = self.source(self._block.attributes["name"].expression)
        one = f"{{ name = {name}, value = {self.source(argument)} }}"
        return f"[for karma_key, karma_value in {self.loop()} : {one}]"

    def name_in_data(self) -> str:
        """The name as the data source has it, which is by for_each from now on."""
        names: Names = {("count", "index"): "each.value"} if self._count else {}
        return self.source(self._block.attributes["name"].expression, names)


def _data_edits(block: hcl.Block, instances: Instances) -> Iterator[Edit]:
    """Restrict the data source to parameters that are not planned."""
    for name in ("count", "for_each"):
        if name in block.attributes:
            yield whole(block.attributes[name], "")
    made = f"\n  for_each = {instances.others()}\n  name = {instances.name_in_data()}\n"
    yield whole(block.attributes["name"], made)


def whole(attribute: hcl.Attribute, text: str) -> Edit:
    """The edit of an attribute with its value."""
    return Edit(attribute.start, attribute.expression.end, text)


def uses(expression: hcl.Expression) -> Iterator[Edit]:
    """Edits of every use of a parameter that was read, in an expression."""
    waiting: list[tuple[hcl.Expression, frozenset[str]]] = [(expression, frozenset())]
    while waiting:
        node, loops = waiting.pop()
        path = path_of(node)
        if path[:2] == ("data", TYPE) and len(path) == 3:  # noqa: PLR2004 - and a name
            yield Edit(node.start, node.end, f"local.{READ}{path[2]}")
        yield from _decoded(node, loops)
        if isinstance(node, nodes.For):
            loops |= _loop_variable(node)
        waiting += [(child, loops) for child in nodes.children(node)]


def _loop_variable(node: nodes.For) -> frozenset[str]:
    """The variable of a loop over the instances of a data source."""
    path = path_of(node.of)
    return frozenset({node.value} if path[:2] == ("data", TYPE) and len(path) == 3 else ())  # noqa: PLR2004


def _decoded(node: hcl.Expression, loops: frozenset[str]) -> Iterator[Edit]:
    """`jsondecode(X.value)` becomes `(X.karma_decoded)`, through `nonsensitive` too."""
    inner = whole = _argument(node, "jsondecode")
    while inner is not None and (deeper := _argument(inner, "nonsensitive")) is not None:
        inner = deeper
    if whole is None or not isinstance(inner, nodes.GetAttr) or inner.name not in _TEXTS:
        return
    root = _root_path(inner.of)
    if root[:2] == ("data", TYPE) or (root[:1] and root[0] in loops):
        yield Edit(node.start, whole.start, "(")
        yield Edit(inner.of.end, inner.end, f".{DECODED}")
        yield Edit(whole.end, node.end, ")")


def _root_path(node: hcl.Expression) -> tuple[str, ...]:
    """The names at the start of a traversal, indexes and splats left out: `a.b[0].c` gives a, b."""
    while not (path := path_of(node)):
        if not isinstance(node, nodes.GetAttr | nodes.Index | nodes.Splat):
            return ()
        node = node.of
    return path


def _argument(node: hcl.Expression, function: str) -> hcl.Expression | None:
    """The only argument of a call of a function."""
    while isinstance(node, nodes.Parentheses):
        node = node.inner
    if not isinstance(node, nodes.Call) or node.name.removeprefix("core::") != function:
        return None
    return node.arguments[0] if len(node.arguments) == 1 else None


def renamed(expression: hcl.Expression, names: Names) -> Iterable[Edit]:
    """The edits by which the start of a traversal is another name."""
    for node in nodes.walk(expression):
        new = names.get(path_of(node))
        if new is not None:
            yield Edit(node.start, node.end, new)
