"""Compare Git's configs with the parameter store's, with as few reads as possible: what publishing would do.

A config is published in its canonical form (compact JSON, sorted keys), whatever its author's layout: equal
configs are equal bytes, and SSM's few kilobytes are not spent on spaces. Stored values of another layout
are compared by that form.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from karma_core import ids, strictjson
from karma_core.errors import BadInput, NotFound
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Record
from karma_core.needs import Context, GitComparison, HasGit, HasParameters
from karma_core.parameters import check_value
from karma_core.records import ConfigFile, Parameter
from karma_core.runtime_references import ADVICE, RUNTIME, malformed
from karma_core.use_cases.configs.differing import Ahead, Diverged, Intent, Take
from karma_core.use_cases.configs.findings import finding_of, raise_findings
from karma_core.use_cases.configs.git_holds import Held
from karma_core.use_cases.configs.sorting import Sorting
from karma_core.use_cases.configs.stored_value import holds
from karma_core.use_cases.fleet.binding import check_binding

_FEW = 50
"""Up to so many parameters are fetched one by one; more by one walk of the whole tree."""


class Comparison(Record, frozen=True, kw_only=True):
    """Git against the store, every list sorted by address.

    `entries` is Git's side as ports.PublishIndex keeps it: address → (stamp, digest of the canonical form).
    `removed` are stored configs that Git does not have (`uncommitted`: HEAD still holds them), and
    `not_checked_out` those that it has and the work tree has not (address → why). `notes` are what Git holds
    beside versions that changes wrote, `kept_removals` digests of files in Git where the store's side, a
    removal, was taken. `revision` was asked for before the store was read. `fresh` says whether the index has
    to be written anew.
    """

    entries: dict[str, tuple[str, str]]
    intents: tuple[Intent, ...]
    ahead: tuple[Ahead, ...]
    diverged: tuple[Diverged, ...]
    removed: dict[str, Parameter]
    uncommitted: frozenset[str]
    not_checked_out: dict[str, str]
    notes: dict[str, Held]
    kept_removals: dict[str, str]
    revision: str | None
    fresh: bool

    @property
    def equal(self) -> bool:
        """Whether the store holds Git's configs and no others."""
        apart = (self.intents, self.ahead, self.diverged, self.removed, self.not_checked_out)
        return not any(apart)


def compare(
    workspace: GitComparison,
    *,
    may_be_absent: bool = False,
    stored: dict[str, Parameter] | None = None,
    invalid: list[Finding] | None = None,
    take: Take | None = None,
    noting: bool = False,
    reread: bool = False,
) -> Comparison:
    """Compare; ValidationFailed with all findings where any config cannot be published.

    With a list `invalid` the findings are added to it instead, and the configs that they are about are
    neither changed nor removed.
    NotFound where Git has no directory of the environment, unless it `may_be_absent`: then it is empty.
    `stored` are the store's configs by address, where they have just been read. `take` says which side wins
    in configs that have diverged; UsageError `not-diverged` for any other. The `notes` are made where the
    caller is `noting` them.
    Where neither a stamp nor the store's revision has moved since an index of equal sides, no file and no
    parameter is read: O(configs) for the scan alone. `reread` sets the index aside and reads everything.
    """
    files, findings = _scan(workspace, may_be_absent=may_be_absent)
    seen = {} if reread else workspace.publish_index.load(workspace.name)
    revision = workspace.parameters.revision()
    indexed = None if reread else workspace.publish_index.revision(workspace.name)
    known = revision is not None and revision == indexed
    if not known and stored is None:
        check_binding(workspace)
    fresh = [file for file in files if file.address not in seen or seen[file.address][0] != file.stamp]
    addresses = {file.address for file in files}
    asked = {file.address for file in fresh} | (seen.keys() - addresses) if known else None
    stored = _stored(workspace, asked) if stored is None else stored
    suspects = fresh if known else [file for file in files if _is_suspect(file, seen, stored)]
    values = _read_all(workspace, suspects, findings)
    if invalid is None:
        raise_findings(findings)
    else:
        invalid += findings
    wrong = {finding.component for finding in findings}
    files, suspects = _without(files, wrong), _without(suspects, wrong)
    stored = {address: held for address, held in stored.items() if address not in wrong}
    entries = {file.address: seen[file.address] for file in files if file.address not in values}
    for file in suspects:
        entries[file.address] = (file.stamp, strictjson.bytes_digest(values[file.address]))
    sorting = Sorting(workspace, stored, take or Take())
    for file in suspects:
        sorting.add(file, values[file.address].decode(), entries[file.address][1])
    sorting.add_only_stored(entries)
    return Comparison(
        entries=entries,
        intents=sorting.of(Intent),
        ahead=sorting.of(Ahead),
        diverged=sorting.of(Diverged),
        removed=sorting.removed,
        uncommitted=sorting.uncommitted,
        not_checked_out=sorting.not_checked_out,
        notes=sorting.notes(entries) if noting else {},
        kept_removals=sorting.kept_removals(),
        revision=revision,
        fresh=not findings and (not known or entries != seen),
    )


def _without(files: Iterable[ConfigFile], wrong: Collection[str]) -> list[ConfigFile]:
    return [file for file in files if file.address not in wrong]


def stored_configs(workspace: HasParameters) -> dict[str, Parameter]:
    """Every config parameter by address. One walk of the tree; SecureStrings are decrypted one by one."""
    return {
        address: parameter if parameter.value is not None else _opened(workspace, parameter)
        for address, parameter in _config_parameters(workspace)
    }


def config_addresses(workspace: HasParameters) -> set[str]:
    """Addresses that have a config. One walk of the tree; nothing is decrypted."""
    return {address for address, _ in _config_parameters(workspace)}


def _config_parameters(workspace: HasParameters) -> Iterator[tuple[str, Parameter]]:
    """(address, parameter) of every config; SecureStrings without their values."""
    start, end = len(workspace.prefix) + 1, -len("/" + ids.CONFIG)
    for parameter in workspace.parameters.read_tree(workspace.prefix):
        address = parameter.name[start:end]
        if parameter.name.endswith("/" + ids.CONFIG) and ids.is_address(address):
            yield address, parameter


def _scan(workspace: HasGit, *, may_be_absent: bool) -> tuple[list[ConfigFile], list[Finding]]:
    refused: list[BadInput] = []
    try:
        files = list(workspace.repository.scan(workspace.name, refuse=refused.append))
    except NotFound:
        if not may_be_absent:
            raise
        files = []
    return files, [
        finding_of(error, component=str(error.facts.get("address") or error.facts["file"]))
        for error in refused
    ]


def _stored(workspace: HasParameters, asked: set[str] | None) -> dict[str, Parameter]:
    """Config parameters by address: those asked for, or all."""
    if asked is None or len(asked) > _FEW:
        return stored_configs(workspace)
    parameters = {}
    for address in sorted(asked):
        parameter = workspace.parameters.get(workspace.config_parameter(address), decrypt=True)
        if parameter is not None:
            parameters[address] = parameter
    return parameters


def _opened(workspace: HasParameters, parameter: Parameter) -> Parameter:
    return workspace.parameters.get(parameter.name, decrypt=True) or parameter


def _is_suspect(
    file: ConfigFile, seen: Mapping[str, tuple[str, str]], stored: Mapping[str, Parameter]
) -> bool:
    """Whether the file must be read: it may have changed, or the stored config has."""
    entry = seen.get(file.address)
    if entry is None or entry[0] != file.stamp or file.address not in stored:
        return True
    return not holds(stored[file.address], entry[1])


def _read_all(workspace: HasGit, files: Iterable[ConfigFile], findings: list[Finding]) -> dict[str, bytes]:
    """Canonical values by address; what cannot be published is added to the findings."""
    values = {}
    for file in files:
        try:
            raw = workspace.repository.read(file)
            values[file.address] = _publishable(workspace, file, raw)
        except BadInput as error:
            findings.append(finding_of(error, component=file.address, file=file.path))
    return values


def _publishable(workspace: Context, file: ConfigFile, raw: bytes) -> bytes:
    config, value = strictjson.parse_object_canonical(raw, where=file.path)
    if RUNTIME.encode() in raw:
        _check_references(config, raw)
    try:
        check_value(workspace.config_parameter(file.address), value.decode())
    except BadInput as error:
        if error.code == "parameter-reference":
            error.facts |= _place(raw, raw.find(b"{{"))
        raise
    return value


def _check_references(config: JsonObject, raw: bytes) -> None:
    """BadInput `invalid-reference`, with the place of the first object that only looks like a reference."""
    for pointer, body, why in malformed(config):
        text = json.dumps(body[RUNTIME], ensure_ascii=False).encode()
        position = max(raw.find(text), raw.find(RUNTIME.encode()))
        raise BadInput(
            f"the reference at {pointer or '/'} is not valid",
            why=why,
            next_step=ADVICE,
            code="invalid-reference",
            **_place(raw, position),
        )


def _place(raw: bytes, position: int) -> dict[str, int]:
    """Line and column of a byte, both from 1; nothing where the text stands there only as escapes."""
    if position < 0:
        return {}
    return {
        "line": raw.count(b"\n", 0, position) + 1,
        "column": position - raw.rfind(b"\n", 0, position),
    }
