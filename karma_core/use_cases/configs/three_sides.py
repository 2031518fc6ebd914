"""Which side's edits a config gets: Git's, the store's, or both, evaluated against their last common version.

What came from Git is the common version itself, so a file that differs from it is Git's edit. What a change
wrote is the store's edit until Git holds it: edits of one side are taken, edits of different places merge,
and where both sides edited the same place the config is held (`Diverged`) until somebody says which wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from karma_core import strictjson
from karma_core.errors import BadInput, UsageError
from karma_core.json_types import JsonValue
from karma_core.model import Record
from karma_core.needs import Context, HasParameters
from karma_core.parameters import check_value
from karma_core.provenance import read_description
from karma_core.records import ConfigFile, Parameter, ParameterKind
from karma_core.three_way import ABSENT, Merge, Overlap, merge, same
from karma_core.use_cases.configs.common_version import Common, common_version
from karma_core.use_cases.configs.differing import Ahead, Diverged, Intent, Take
from karma_core.use_cases.configs.git_holds import GitNotes

Outcome = Intent | Ahead | Diverged


class Known(Record, frozen=True, kw_only=True):
    """What the state store knows of configs: what Git was seen to hold, and what changes removed.

    `removed` has, by address, the digests of what Git may still hold of a config that a change removed.
    """

    notes: GitNotes
    removed: Mapping[str, frozenset[str]]


def change_of(parameter: Parameter) -> str | None:
    """Id of the change that wrote a config version, None where it came from Git."""
    if "change" not in parameter.description:
        return None
    provenance = read_description(parameter.description)
    return provenance.change if provenance else None


def is_moved(address: str, parameter: Parameter, notes: GitNotes) -> bool:
    """Whether a change wrote the version, and Git was not seen to hold it since."""
    change = change_of(parameter)
    held = notes.of(address, parameter, change)
    return change is not None and (held is None or held.git is not None)


def decide(
    workspace: HasParameters,
    file: ConfigFile,
    sides: tuple[str, Parameter | None],
    known: Known,
    take: Take,
) -> Outcome:
    """What becomes of a config that Git has (canonical text, stored version) and the store has otherwise."""
    git, stored = sides
    if stored is None:
        return _decide_unstored(file, git, known, take)
    address = file.address
    moved_by = _moved_by(workspace, address, stored, known.notes)
    if moved_by is None:
        return Intent(address=address, file=file, value=git, stored=stored)
    ours, theirs = _parsed(git), _parsed(stored.value or "")
    common = common_version(workspace, address, known.notes)
    merged = _merged(common, ours, theirs, git_wins=address in take.git)
    text = strictjson.canonical(merged.value).decode()
    mixed = not (same(merged.value, ours) or same(merged.value, theirs))
    held = merged.overlaps or (mixed and stored.kind is ParameterKind.SECURE)
    if (held and address not in take.addresses) or (mixed and not _fits(workspace, address, text)):
        overlaps = _shown(merged.overlaps, stored)
        return Diverged(address=address, stored=stored, value=git, file=file, overlaps=overlaps)
    if same(merged.value, theirs):
        return Ahead(address=address, stored=stored, value=git, file=file)
    if not mixed:
        return Intent(address=address, file=file, value=git, stored=stored)
    return Intent(address=address, file=file, value=text, stored=stored, git=git, change=moved_by)


def _merged(common: Common | None, git: JsonValue, store: JsonValue, *, git_wins: bool) -> Merge:
    """The three-way merge; where the last common version is not known, the whole configs overlap."""
    if common is not None:
        return merge(common.value, git, store, git_wins=git_wins)
    overlap = Overlap(pointer="", git=git, store=store)
    return Merge(value=git if git_wins else store, overlaps=(overlap,))


def _decide_unstored(file: ConfigFile, git: str, known: Known, take: Take) -> Outcome:
    """A file that is still what a change removed is no wish to have it back; an edited one may be."""
    address = file.address
    removed = known.removed.get(address)
    intent = Intent(address=address, file=file, value=git, stored=None)
    if removed is None or address in take.git:
        return intent
    if address in take.store or strictjson.bytes_digest(git.encode()) in removed:
        return Ahead(address=address, stored=None, value=git, file=file)
    overlaps = (Overlap(pointer="", git=_parsed(git)),)
    return Diverged(address=address, stored=None, value=git, file=file, overlaps=overlaps)


def decide_only_stored(
    workspace: HasParameters, address: str, stored: Parameter, known: Known, take: Take
) -> Outcome | None:
    """What becomes of a stored config that Git does not have; None where it left Git, and may go."""
    if not is_moved(address, stored, known.notes) or address in take.git:
        return None
    ahead = Ahead(address=address, stored=stored, value=None)
    common = common_version(workspace, address, known.notes)
    if common is None or common.value is ABSENT or address in take.store:
        return ahead
    overlap = Overlap(pointer="", base=common.value, store=_parsed(stored.value or ""))
    overlaps = _shown((overlap,), stored)
    return Diverged(address=address, stored=stored, value=None, file=None, overlaps=overlaps)


def require_diverged(workspace: Context, take: Take, diverged: set[str]) -> None:
    """UsageError `not-diverged` where a side is to be taken of a config that is not held."""
    wrong = sorted((take.git & take.store) | (take.addresses - diverged))
    if wrong:
        raise UsageError(
            f"{wrong[0]} has not diverged in {workspace.name}",
            why="a side is taken only where Git and a change edited the same place, and only one side",
            next_step="see `karma config diff`",
            code="not-diverged",
            addresses=wrong,
        )


def _moved_by(workspace: HasParameters, address: str, stored: Parameter, notes: GitNotes) -> str | None:
    """The change whose edits the stored version has and Git has not; None where Git's config is the newest.

    Where somebody outside Karma wrote over a change, the change counts; otherwise such a version is none.
    """
    if stored.version == 1 or read_description(stored.description) is not None:
        return change_of(stored) if is_moved(address, stored, notes) else None
    history = reversed(workspace.parameters.history(stored.name))
    newest = next((version for version in history if read_description(version.description)), None)
    return change_of(newest) if newest is not None and is_moved(address, newest, notes) else None


def _fits(workspace: Context, address: str, text: str) -> bool:
    """Whether a merged config can be published: it may be larger than either side."""
    try:
        check_value(workspace.config_parameter(address), text)
    except BadInput:
        return False
    return True


def _parsed(value: str) -> JsonValue:
    """The JSON value; where a stored text is none, the text."""
    try:
        return strictjson.parse(value.encode(), where="a config")
    except BadInput:
        return value


def _shown(overlaps: tuple[Overlap, ...], stored: Parameter) -> tuple[Overlap, ...]:
    """The places alone where the config is a secret."""
    if stored.kind is not ParameterKind.SECURE:
        return overlaps
    return tuple(Overlap(pointer=overlap.pointer) for overlap in overlaps)
