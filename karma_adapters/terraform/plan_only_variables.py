"""Variables whose values are unknown in part, in a plan-only copy.

Terraform takes no unknown value for a root variable, but a child module's variables take them. So in the copy
the blocks of these variables stand in a child module of ours, as they are written: it converts each value to
its variable's type, evaluates its validations, and gives it back by an output with the same marks. Every use
of such a variable uses the output.

A validation that refers to more than variables (Terraform 1.9) is evaluated by a precondition of an
output of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from karma_adapters.terraform.failure import PLANNED_CONDITIONS, PLANNED_INPUTS
from karma_adapters.terraform.hcl_edits import Edit, applied, path_of, values
from karma_adapters.terraform.plan_only_json import VALIDATION, JsonFile, declaration, listed, paths
from karma_core import hcl
from karma_core.errors import PlanDeferred
from karma_core.hcl import nodes
from karma_core.json_types import JsonObject
from karma_core.records import TerraformJob

MODULE: Final = PLANNED_INPUTS
"""The child module, and its folder."""
_ELSEWHERE: Final = frozenset({"local", "data", "module", "path", "terraform"})


class _Declared(NamedTuple):
    """A block of a variable, and the file that it stands in."""

    document: hcl.Document
    block: hcl.Block


class _DeclaredInJson(NamedTuple):
    """The body of a variable in JSON syntax, and the name of its file."""

    file: str
    body: JsonObject


class PlannedInputs:
    """The variables of a job with unknown parts, as the module's files declare them, in either syntax."""

    def __init__(
        self, documents: Sequence[hcl.Document], job: TerraformJob, json_files: Sequence[JsonFile] = ()
    ) -> None:
        self.names = tuple(sorted(name for name in job.unknown if name in job.module.variables))
        self._module = job.module
        self._blocks: dict[str, list[_Declared]] = {}
        for document in documents:
            for block in document.body.of_type("variable"):
                if block.labels:
                    self._blocks.setdefault(block.labels[0], []).append(_Declared(document, block))
        self._json: dict[str, list[_DeclaredInJson]] = {}
        for file in json_files:
            for name, body in file.variables():
                self._json.setdefault(name, []).append(_DeclaredInJson(file.name, body))
        for name in self.names:
            if any(map(_is_foreign, self._validations_in_json(name))):
                raise PlanDeferred(
                    f"{job.address} cannot be planned yet",
                    why=f"a validation of {name}, in JSON syntax, refers to more than variables; it is "
                    "planned when the value is known",
                )

    def edits(self, document: hcl.Document) -> Iterator[Edit]:
        """The edits by which a file of the root loses the variables, and uses the outputs."""
        for one in chain.from_iterable(self._blocks.get(name, ()) for name in self.names):
            if one.document is document:
                yield Edit(one.block.start, one.block.end, "")
        for expression in values(document.body):
            yield from self.uses(expression)

    def uses(self, root: hcl.Expression) -> Iterator[Edit]:
        """The edits by which an expression uses the outputs in place of the variables."""
        uses: dict[tuple[str, ...], str] = {("var", name): name for name in self.names}
        for node in nodes.walk(root):
            name = uses.get(path_of(node))
            if name is not None:
                yield Edit(node.start, node.end, f"module.{MODULE}.{name}")

    def files(self) -> dict[str, str]:
        """The child module's files: each variable under the name of the file that it comes from."""
        texts: dict[str, list[str]] = {"main.tf": []}
        for name in self.names:
            for document, block in self._blocks.get(name, ()):
                foreign = [Edit(one.start, one.end, "") for one in self._foreign(block)]
                texts.setdefault(document.name, []).append(_source(document, block, foreign))
            marks = "".join(f"  {mark} = true\n" for mark in self._marks(name))
            texts["main.tf"].append(f'output "{name}" {{\n  value = var.{name}\n{marks}}}')
        for name in self._further():
            for document, block in self._blocks.get(name, ()):
                every = [Edit(one.start, one.end, "") for one in block.of_type("validation")]
                texts.setdefault(document.name, []).append(_source(document, block, every))
        native = {file: "\n".join(blocks) + "\n" for file, blocks in texts.items()}
        return native | self._json_files()

    def _json_files(self) -> dict[str, str]:
        """The files of those that are declared in JSON syntax."""
        bodies: dict[str, dict[str, list[JsonObject]]] = {}
        for name in (*self.names, *self._further()):
            for file, body in self._json.get(name, ()):
                kept = body if name in self.names else {k: v for k, v in body.items() if k != VALIDATION}
                bodies.setdefault(file, {}).setdefault(name, []).append(kept)
        return {file: declaration(of_file) for file, of_file in bodies.items()}

    def _validations_in_json(self, name: str) -> list[JsonObject]:
        return [one for _, body in self._json.get(name, ()) for one in listed(body.get(VALIDATION))]

    def call(self, literals: Iterable[str]) -> str:
        """The root's call of the child; `literals` are the variables' values in the order of `names`."""
        given = [f"  {name} = {literal}\n" for name, literal in zip(self.names, literals, strict=True)]
        given += [f"  {name} = var.{name}\n" for name in self._further()]
        return f'module "{MODULE}" {{\n  source = "./{MODULE}"\n{"".join(given)}}}\n'

    def conditions(self) -> list[str]:
        """An output of the root with the validations that the child cannot evaluate, if there are any."""
        conditions = "".join(self._preconditions())
        return [f'output "{PLANNED_CONDITIONS}" {{\n  value = null\n{conditions}}}'] if conditions else []

    def _preconditions(self) -> Iterator[str]:
        for document, block in chain.from_iterable(self._blocks.get(name, ()) for name in self.names):
            for validation in self._foreign(block):
                body = "".join(
                    f"    {name} = {self._rewritten(document, attribute.expression)}\n"
                    for name, attribute in validation.attributes.items()
                )
                yield f"  precondition {{\n{body}  }}\n"

    def _rewritten(self, document: hcl.Document, node: hcl.Expression) -> str:
        return applied(document.text, self.uses(node), start=node.start, end=node.end)

    def _marks(self, name: str) -> Iterator[str]:
        if name in self._module.sensitive_variables:
            yield "sensitive"
        if name in self._module.ephemeral_variables:
            yield "ephemeral"

    def _foreign(self, block: hcl.Block) -> list[hcl.Block]:
        """The validations of a variable that refer to more than variables."""
        return [one for one in block.of_type("validation") if _ELSEWHERE & {p[0] for p in _paths(one)}]

    def _further(self) -> tuple[str, ...]:
        """The variables without unknown parts to which the child's validations refer."""
        named: set[str] = set()
        for name in self.names:
            for in_json in self._validations_in_json(name):
                named.update(path[1] for path in paths(in_json) if path[0] == "var" and path[1:])
        for _, block in chain.from_iterable(self._blocks.get(name, ()) for name in self.names):
            foreign = self._foreign(block)
            for validation in block.of_type("validation"):
                if validation not in foreign:
                    named.update(path[1] for path in _paths(validation) if path[0] == "var" and path[1:])
        declared = self._blocks.keys() | self._json.keys()
        return tuple(sorted((named & declared) - set(self.names)))


def _is_foreign(validation: JsonObject) -> bool:
    """Whether a validation in JSON syntax refers to more than variables."""
    return not _ELSEWHERE.isdisjoint(path[0] for path in paths(validation))


def _source(document: hcl.Document, block: hcl.Block, edits: Iterable[Edit]) -> str:
    return applied(document.text, edits, start=block.start, end=block.end)


def _paths(block: hcl.Block) -> Iterator[tuple[str, ...]]:
    """Everything that the expressions of a block refer to."""
    for attribute in block.attributes.values():
        yield from (path for node in nodes.walk(attribute.expression) if (path := path_of(node)))
