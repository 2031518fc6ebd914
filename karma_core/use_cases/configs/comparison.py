"""Compare Git's configs with the parameter store's, with as few reads as possible: what publishing would do.

A config is published in its canonical form (compact JSON, sorted keys), whatever its author's layout: equal
configs are equal bytes, and SSM's few kilobytes are not spent on spaces. Stored values of another layout
are compared by that form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from karma_core import ids, strictjson
from karma_core.errors import BadInput, NotFound
from karma_core.model import Finding, Record
from karma_core.needs import Context, GitComparison, HasGit, HasParameters
from karma_core.parameters import check_value
from karma_core.provenance import read_description
from karma_core.records import ConfigFile, Parameter
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs.findings import finding_of, raise_findings
from karma_core.use_cases.configs.writing import removed_by_changes
from karma_core.use_cases.fleet.binding import check_binding

_FEW = 50
"""Up to so many parameters are fetched one by one; more by one walk of the whole tree."""


class Intent(Record, frozen=True, kw_only=True):
    """A config of Git that differs from the stored one: its `value` in canonical form, the stored version."""

    address: str
    file: ConfigFile
    value: str
    stored: Parameter | None


class Ahead(Record, frozen=True, kw_only=True):
    """A config that a change moved. `stored` is None where the change removed it.

    `value` is Git's, None where Git has no such config yet.
    """

    address: str
    stored: Parameter | None
    value: str | None


class Comparison(Record, frozen=True, kw_only=True):
    """Git against the store, every list sorted by address.

    `entries` is Git's side as ports.PublishIndex keeps it: address → (stamp, digest of the canonical form).
    `removed` are stored configs that Git does not have. `caught_up` are those that a change wrote and Git
    holds now (address → change). `revision` was asked for before the store was read. `fresh` says whether the
    index has to be written anew.
    """

    entries: dict[str, tuple[str, str]]
    intents: tuple[Intent, ...]
    ahead: tuple[Ahead, ...]
    removed: dict[str, Parameter]
    caught_up: dict[str, str]
    revision: str | None
    fresh: bool

    @property
    def equal(self) -> bool:
        """Whether the store holds Git's configs and no others."""
        return not (self.intents or self.ahead or self.removed)


def compare(
    workspace: GitComparison,
    *,
    may_be_absent: bool = False,
    stored: dict[str, Parameter] | None = None,
    invalid: list[Finding] | None = None,
) -> Comparison:
    """Compare; ValidationFailed with all findings where any config cannot be published.

    With a list `invalid` the findings are added to it instead, and the configs that they are about are
    neither changed nor removed.
    NotFound where Git has no directory of the environment, unless it `may_be_absent`: then it is empty.
    `stored` are the store's configs by address, where they have just been read.
    Where neither a stamp nor the store's revision has moved since an index of equal sides, no file and no
    parameter is read: O(configs) for the scan alone.
    """
    files, findings = _scan(workspace, may_be_absent=may_be_absent)
    seen = workspace.publish_index.load(workspace.name)
    revision = workspace.parameters.revision()
    known = revision is not None and revision == workspace.publish_index.revision(workspace.name)
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
    unstored = any(file.address not in stored for file in suspects)
    gone = removed_by_changes(workspace) if unstored else {}
    by_changes = {a: change for a in stored if (change := change_of(stored[a]))}
    in_git = git_holds.noted(workspace) if by_changes else {}
    moved = {a: change for a, change in by_changes.items() if in_git.get(a) != change}
    intents, ahead = _sort_out(suspects, values, stored, entries, (gone, moved))
    removed, created = _only_stored(stored, entries, moved)
    return Comparison(
        entries=entries,
        intents=tuple(intents),
        ahead=tuple(sorted([*ahead, *created], key=lambda entry: entry.address)),
        removed=removed,
        caught_up={a: moved[a] for a in entries.keys() & moved.keys() if holds(stored[a], entries[a][1])},
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


def holds(parameter: Parameter, digest: str) -> bool:
    """Whether the stored value is the config with this digest, in whatever layout."""
    raw = (parameter.value or "").encode()
    if strictjson.bytes_digest(raw) == digest:
        return True
    try:
        return strictjson.bytes_digest(strictjson.parse_canonical(raw, where=parameter.name)[1]) == digest
    except BadInput:
        return False


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
    _, value = strictjson.parse_object_canonical(raw, where=file.path)
    try:
        check_value(workspace.config_parameter(file.address), value.decode())
    except BadInput as error:
        if error.code == "parameter-reference":
            error.facts |= _place(raw, raw.find(b"{{"))
        raise
    return value


def _place(raw: bytes, position: int) -> dict[str, int]:
    """Line and column of a byte, both from 1; nothing where the text stands there only as escapes."""
    if position < 0:
        return {}
    return {
        "line": raw.count(b"\n", 0, position) + 1,
        "column": position - raw.rfind(b"\n", 0, position),
    }


def _sort_out(
    suspects: Iterable[ConfigFile],
    values: Mapping[str, bytes],
    stored: Mapping[str, Parameter],
    entries: Mapping[str, tuple[str, str]],
    by_changes: tuple[Mapping[str, str], Mapping[str, str]],
) -> tuple[list[Intent], list[Ahead]]:
    """Split files that differ from the store into those to write and those that a change moved.

    `by_changes` is what changes did that Git has not held since: removed configs (digest by address), and
    written ones (change by address). A file that is still what a change removed is no wish to have it back.
    """
    gone, moved = by_changes
    intents, ahead = [], []
    for file in suspects:
        before = stored.get(file.address)
        if before is not None and holds(before, entries[file.address][1]):
            continue
        value = values[file.address].decode()
        removed = before is None and gone.get(file.address) == entries[file.address][1]
        if removed or file.address in moved:
            ahead.append(Ahead(address=file.address, stored=before, value=value))
        else:
            intents.append(Intent(address=file.address, file=file, value=value, stored=before))
    return intents, ahead


def _only_stored(
    stored: Mapping[str, Parameter], entries: Mapping[str, tuple[str, str]], moved: Mapping[str, str]
) -> tuple[dict[str, Parameter], list[Ahead]]:
    """Stored configs that Git does not have: those that left it, and those that a change made."""
    removed, created = {}, []
    for address in sorted(stored.keys() - entries.keys()):
        if address in moved:
            created.append(Ahead(address=address, stored=stored[address], value=None))
        else:
            removed[address] = stored[address]
    return removed, created


def change_of(parameter: Parameter) -> str | None:
    """Id of the change that wrote a config version, None where it came from Git."""
    if "change" not in parameter.description:
        return None
    provenance = read_description(parameter.description)
    return provenance.change if provenance else None
