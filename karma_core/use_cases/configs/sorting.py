"""Sort the configs that Git and the parameter store hold differently by what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from karma_core.needs import GitComparison
from karma_core.provenance import read_description
from karma_core.records import ConfigFile, Parameter, ParameterKind
from karma_core.strictjson import bytes_digest
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs.differing import Ahead, Diverged, Intent, Take
from karma_core.use_cases.configs.git_holds import GitNotes, Held
from karma_core.use_cases.configs.stored_value import holds
from karma_core.use_cases.configs.three_sides import (
    Known,
    Outcome,
    change_of,
    decide,
    decide_only_stored,
    is_moved,
    require_diverged,
)
from karma_core.use_cases.configs.writing import removed_by_changes

DELETED: Final = "deleted"
"""Why a file is not in the work tree although HEAD holds it: somebody deleted it, and did not commit that."""


T = TypeVar("T", bound=Outcome)


class Sorting:
    """One comparison: the stored configs by address, which sides to take, and the outcomes so far.

    `removed` left Git, `uncommitted` are those of them that HEAD still holds, `not_checked_out` are in Git
    and not in the work tree (address → why).
    """

    def __init__(self, workspace: GitComparison, stored: Mapping[str, Parameter], take: Take) -> None:
        self._workspace = workspace
        self._stored = stored
        self._take = take
        self._diverged: set[str] = set()
        self._behind: dict[str, bool] = {}
        self._notes = GitNotes(workspace)
        self._removed: Mapping[str, frozenset[str]] | None = None
        self.outcomes: dict[str, Outcome] = {}
        self.removed: dict[str, Parameter] = {}
        self.uncommitted: frozenset[str] = frozenset()
        self.not_checked_out: dict[str, str] = {}

    def add(self, file: ConfigFile, value: str, digest: str) -> None:
        """Sort a config that Git has, by its canonical form and that form's digest."""
        stored = self._stored.get(file.address)
        if stored is not None and holds(stored, digest):
            return
        known = self._known(unstored=stored is None)
        outcome = self._unless_older(decide(self._workspace, file, (value, stored), known, Take()))
        if isinstance(outcome, Diverged):
            self._diverged.add(file.address)
            may_take = self._take.git if outcome.published_from else self._take.addresses
            if file.address in may_take:
                outcome = decide(self._workspace, file, (value, stored), known, self._take)
        self.outcomes[file.address] = outcome

    def _unless_older(self, outcome: Outcome) -> Outcome:
        """Hold what Git would overwrite although it was published from a commit after the work tree's.

        That is a checkout, or a run of a pipeline, that is late: nobody takes the newer config back by it.
        """
        if not isinstance(outcome, Intent):
            return outcome
        return self._older(outcome.address, outcome.stored, outcome.value, outcome.file) or outcome

    def _older(
        self, address: str, stored: Parameter | None, value: str | None, file: ConfigFile | None
    ) -> Diverged | None:
        provenance = read_description(stored.description) if stored is not None else None
        commit = provenance.commit if provenance is not None else None
        if commit is None:
            return None
        if commit not in self._behind:
            self._behind[commit] = self._workspace.repository.is_behind(commit)
        if not self._behind[commit]:
            return None
        return Diverged(
            address=address, stored=stored, value=value, file=file, overlaps=(), published_from=commit
        )

    def add_only_stored(self, in_git: Mapping[str, object]) -> None:
        """Sort the stored configs that Git does not have, and those that are only not checked out."""
        alone = sorted(self._stored.keys() - in_git.keys())
        absences = self._workspace.repository.absences(self._workspace.name, alone) if alone else {}
        self.uncommitted = frozenset(a for a, why in absences.items() if why == DELETED)
        for address in alone:
            if absences.get(address, DELETED) != DELETED:
                self.not_checked_out[address] = absences[address]
            else:
                self._add_only_stored(address)
        require_diverged(self._workspace, self._take, self._diverged)

    def _add_only_stored(self, address: str) -> None:
        stored, known = self._stored[address], self._known(unstored=False)
        outcome = decide_only_stored(self._workspace, address, stored, known, Take())
        outcome = outcome or self._older(address, stored, None, None)
        if isinstance(outcome, Diverged):
            self._diverged.add(address)
            may_take = self._take.git if outcome.published_from else self._take.addresses
            if address in may_take:
                outcome = decide_only_stored(self._workspace, address, stored, known, self._take)
        if outcome is None:
            self.removed[address] = stored
        else:
            self.outcomes[address] = outcome

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """The outcomes of one kind, sorted by address."""
        return tuple(o for _, o in sorted(self.outcomes.items()) if isinstance(o, kind))

    def notes(self, in_git: Mapping[str, tuple[str, str]]) -> dict[str, Held]:
        """What Git holds now beside the versions that changes wrote, so that later edits are told apart."""
        notes = {}
        for address, stored in self._stored.items():
            if address not in in_git or not is_moved(address, stored, self._notes):
                continue
            if holds(stored, in_git[address][1]):
                notes[address] = git_holds.held_of(stored, None, change=change_of(stored) or "")
        for ahead in self.of(Ahead):
            if ahead.stored is None or ahead.stored.kind is ParameterKind.SECURE:
                continue
            if ahead.value is not None or ahead.address in self._take.store:
                notes[ahead.address] = git_holds.held_of(ahead.stored, ahead.value or "")
        for address in self._take.git & self.removed.keys():
            notes[address] = git_holds.held_of(self.removed[address], None)
        return notes

    def kept_removals(self) -> dict[str, str]:
        """Digests of the files in Git by address, where the store's side, a removal, was taken."""
        return {
            ahead.address: bytes_digest(ahead.value.encode())
            for ahead in self.of(Ahead)
            if ahead.stored is None and ahead.value is not None and ahead.address in self._take.store
        }

    def _known(self, *, unstored: bool) -> Known:
        if unstored and self._removed is None:
            self._removed = removed_by_changes(self._workspace)
        return Known(notes=self._notes, removed=self._removed or {})
