"""A copy of a module that can be planned with inputs that are unknown until apply, and is never applied.

Terraform takes no unknown value for a variable. So in the copy every use of a variable with unknown parts is
one of a child module of ours (`plan_only_variables`), which is given literals for the known parts, and for
the others what hangs on a placeholder resource that is about to be created: Terraform itself then holds them
unknown. The copy is planned against a copy of the state, so that what stands there stays as it is.

The placeholder's id is an unknown *string*; decoded as JSON it is an unknown of any type, which conditionals
and functions take in every place.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from karma_adapters.modules.archive import copied_root
from karma_adapters.terraform import plan_only_parameters as parameters
from karma_adapters.terraform import plan_only_states as states
from karma_adapters.terraform.hcl_edits import Edit, applied
from karma_adapters.terraform.plan_only_json import JsonFile
from karma_adapters.terraform.plan_only_overrides import merged
from karma_adapters.terraform.plan_only_variables import MODULE, PlannedInputs
from karma_core import configuration, hcl
from karma_core.configuration import Engine
from karma_core.errors import BadInput, PlanDeferred
from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonObject, JsonValue
from karma_core.records import PlannedRuntime, TerraformJob

PLACEHOLDER: Final = "karma_unknown_until_apply"
FILE: Final = "zz_karma_planned.tf"
RESOURCE: Final = f"terraform_data.{PLACEHOLDER}"
UNKNOWN: Final = f"jsondecode({RESOURCE}.id)"
"""An unknown of any type."""
_DEFERRED: Final = re.compile(r"Invalid (count|for_each) argument")
_PLACE: Final = re.compile(r"\bon (\S+) line (\d+)")
_WHERE: Final = re.compile(r'on (\S+) line (\d+), in (resource|module|data) "([^"]+)"(?: "([^"]+)")?')
_BLOCK: Final = re.compile(
    rf"^  # \S*{re.escape(RESOURCE)} will be created$.*?^    }}\n\n?", re.DOTALL | re.MULTILINE
)
_OUTPUT: Final = re.compile(rf"^  [+~-] {parameters.WRITTEN}.*\n", re.MULTILINE)
_NO_OUTPUTS: Final = re.compile(r"^Changes to Outputs:\n(?=\s*(?:\n|\Z))", re.MULTILINE)
_UNESCAPED: Final = re.compile(r"(\\\\)|(\\[bf])|([$%])(?=\{)")
"""In JSON's text of a string: an escaped backslash, an escape that HCL lacks, the start of a template."""
_STILL: Final = frozenset({"no-op", "read"})
_COUNT: Final = re.compile(r"^(Plan: (?:\d+ to import, )?)(\d+) to add", re.MULTILINE)


def copy_module(module: Path, target: Path, job: TerraformJob, engine: Engine = Engine.TERRAFORM) -> Path:
    """Copy the archived tree that holds the module to target, rewritten for a job; the module's place there.

    The whole tree is copied, so that relative sources of child modules keep working.
    """
    root = copied_root(module)
    shutil.copytree(root, target, symlinks=True)
    copied = target / module.relative_to(root)
    files = (
        file for file in target.rglob("*") if configuration.is_configuration(file.name) and file.is_file()
    )
    for directory in sorted({file.parent for file in files}):
        names = configuration.in_order((file.name for file in directory.iterdir()), engine)
        _rewrite_directory(directory, names, job, outermost=directory == copied)
    return copied


def _rewrite_directory(directory: Path, names: Sequence[str], job: TerraformJob, *, outermost: bool) -> None:
    """Rewrite one module of the tree, and add the file with what is ours."""
    files = [directory / name for name in names]
    json_files = _read_json(directory, files, job, outermost=outermost)
    native = [file for file in files if file.name.endswith(configuration.NATIVE)]
    written = [hcl.parse(file.read_bytes(), file.name) for file in native]
    documents = merged(written, {parameters.TYPE, states.TYPE})
    further = states.uses if job.states else parameters.no_uses
    reading = [one for document in documents for one in parameters.locals_of(document, further)]
    if job.states:
        reading += [one for document in documents for one in states.locals_of(document)]
    if not outermost and not reading:
        return
    inputs = PlannedInputs(documents, job, json_files) if outermost else None
    outputs: list[str] = []
    if outermost and job.foretell:
        outputs += [one for document in documents for one in parameters.outputs_of(document, further)]
    for before, document in zip(written, documents, strict=True):
        rewritten = rewrite(document, inputs, planned_states=bool(job.states))
        if rewritten != before.text:
            _replace(directory / document.name, rewritten)
    definitions = [parameters.planned_local(job.parameters, expression, UNKNOWN), *reading]
    if job.states:
        definitions.append(states.planned_local(job.states, expression))
    if inputs is not None:
        for one in json_files:
            _replace(directory / one.name, one.rewritten(inputs.uses, inputs.names))
        _write_inputs(directory / MODULE, inputs)
        outputs.append(inputs.call(expression(job.variables.get(n), job.unknown[n]) for n in inputs.names))
        outputs += inputs.conditions()
    (directory / FILE).write_text(planned_file(definitions, outputs), "utf-8")


def _replace(file: Path, text: str) -> None:
    file.chmod(0o600)
    file.write_bytes(text.encode())


def _read_json(
    directory: Path, files: Iterable[Path], job: TerraformJob, *, outermost: bool
) -> list[JsonFile]:
    """The outermost module's files in JSON syntax, if the job has unknown variables that they may name.

    PlanDeferred where such a file, whose data sources are not rewritten, reads parameters or planned states.
    """
    in_json = [file for file in files if file.name.endswith(configuration.JSON)]
    reading = {parameters.TYPE, states.TYPE} if job.states else {parameters.TYPE}
    if any(one.encode() in file.read_bytes() for file in in_json for one in reading):
        raise PlanDeferred(
            f"{job.address} cannot be planned yet",
            why=f"{directory.name} reads runtimes in JSON syntax; it is planned when they are known",
        )
    if not outermost or not job.unknown:
        return []
    try:
        return [JsonFile(file) for file in in_json]
    except BadInput as error:
        raise PlanDeferred(
            f"{job.address} cannot be planned yet", why=f"{error.what}: {error.why}"
        ) from error


def _write_inputs(folder: Path, inputs: PlannedInputs) -> None:
    """The child module. It is there in every copy, because copies of one module are initialised once."""
    folder.mkdir()
    for name, text in inputs.files().items():
        (folder / name).write_text(text, "utf-8")


def rewrite(
    document: hcl.Document, inputs: PlannedInputs | None = None, *, planned_states: bool = False
) -> str:
    """Return the file with its use of what is planned: parameters that are read, variables with unknowns.

    Remote states too where any is planned.
    In a child module (`inputs` is None) variables are others: what it is given comes from the outermost.
    """
    replaced = {parameters.TYPE, states.TYPE} if planned_states else {parameters.TYPE}
    edits = [Edit(one.start, one.end, "") for one in _checks_with(document, replaced)]
    edits += list(parameters.reading_edits(document, states.uses if planned_states else parameters.no_uses))
    edits += states.reading_edits(document) if planned_states else ()
    edits += inputs.edits(document) if inputs is not None else ()
    return applied(document.text, edits)


def _checks_with(document: hcl.Document, replaced: Collection[str]) -> Iterator[hcl.Block]:
    """The `check` blocks with a data source of their own of a type that is replaced.

    Such a data source takes no `for_each` and is named by nothing outside, so that the copy goes without the
    check: it stops nothing, and is evaluated after the apply.
    """
    for block in document.body.of_type("check"):
        if any(one.labels and one.labels[0] in replaced for one in block.of_type("data")):
            yield block


def planned_file(definitions: Iterable[str], blocks: Iterable[str] = ()) -> str:
    """The file that defines the placeholder, the locals, and further blocks."""
    lines = "".join(f"  {one}\n" for one in definitions)
    placeholder = f'resource "terraform_data" "{PLACEHOLDER}" {{}}\n'
    return "\n".join([placeholder, f"locals {{\n{lines}}}\n", *(f"{one}\n" for one in blocks)])


def expression(value: JsonValue, marks: JsonValue) -> str:
    """A value as an HCL expression in which every marked part is unknown."""
    if marks is True:
        return UNKNOWN
    if isinstance(value, dict) or isinstance(marks, dict):
        value, marks = value or {}, marks or {}
        parts = [
            f"{_string(key)} = {expression(value.get(key), marks.get(key))}"
            for key in sorted(value.keys() | marks.keys())
        ]
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list):
        marks = [*(marks or []), *([None] * len(value))][: len(value)]
        return "[" + ", ".join(map(expression, value, marks)) + "]"
    if isinstance(value, str):
        return _string(value)
    return dumps(value)


def _string(text: str) -> str:
    """A quoted string, literal: no template in it is expanded, no escape that HCL does not have."""
    return _UNESCAPED.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    backslash, control, marker = match.groups()
    return backslash or {"\\b": "\\u0008", "\\f": "\\u000c"}.get(control) or marker * 2


def why_deferred(error: str, providers: Collection[str] = ()) -> str:
    """Why a plan with unknown inputs could not be made, from Terraform's own error.

    `providers` are those whose configuration is unknown.
    """
    match = _DEFERRED.search(error)
    if match is None:
        first = next((line.strip(" │╷╵") for line in error.splitlines() if "Error:" in line), "").strip()
        at = _PLACE.search(error)
        if first and at is not None and at[1] != FILE:
            first = f"{first}, {at[1]}:{at[2]}"
        if providers:
            named = f"provider {', '.join(providers)}"
            return f"the configuration of {named} is unknown until apply ({first or 'Terraform refused'})"
        return f"it cannot be planned before its inputs are known ({first or 'Terraform refused'})"
    where = _WHERE.search(error, match.end())
    place = f" of {'.'.join(filter(None, where.group(4, 5)))} ({where[1]}:{where[2]})" if where else ""
    return f"the {match[1]}{place} is unknown until apply"


def without_ours(text: str) -> str:
    """Return Terraform's readable plan without the added placeholders and outputs."""
    cleaned, removed = _BLOCK.subn("", _OUTPUT.sub("", text))
    cleaned = _NO_OUTPUTS.sub("", cleaned)
    if not removed:
        return cleaned
    return _COUNT.sub(lambda match: f"{match[1]}{int(match[2]) - removed} to add", cleaned, count=1)


def real(document: JsonObject) -> tuple[JsonObject, dict[str, PlannedRuntime]]:
    """(the plan as JSON without our placeholders and outputs, what the latter tell)."""
    outputs: JsonObject = document.get("output_changes", {})
    kept = {name: one for name, one in outputs.items() if not name.startswith(parameters.WRITTEN)}
    changes = [one for one in document.get("resource_changes", ()) if not one["address"].endswith(RESOURCE)]
    return {**document, "resource_changes": changes, "output_changes": kept}, parameters.written(outputs)


def changes(document: JsonObject) -> bool:
    """Whether a plan changes anything: Terraform's exit code also counts the placeholder resource."""
    resources = [one["change"] for one in document["resource_changes"]]
    moved = any(set(one["actions"]) - _STILL for one in (*resources, *document["output_changes"].values()))
    return moved or any(one.get("importing") is not None for one in resources)
