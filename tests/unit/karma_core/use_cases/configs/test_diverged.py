"""Git and changes edit one config: what is taken, what merges, what is held, and how it is let go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from karma_core.changes.record import Edit
from karma_core.errors import UsageError
from karma_core.json_difference import Difference
from karma_core.records import Event, ParameterKind, ParameterWrite
from karma_core.three_way import Overlap
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.diff import diff
from karma_core.use_cases.configs.differing import Take
from karma_core.use_cases.configs.publish import PublishResult, publish
from karma_core.use_cases.configs.pull import PullResult, pull
from karma_core.workspace import Workspace
from tests.memory.state import MemoryState
from tests.workspace_fakes import FakeIndex, FakeLog, clock, make_workspace, write_config

BASE = {"name": "core", "size": 1, "tags": {"team": "a"}}
TEXT = '{\n    "size": 1,\n    "name": "core",\n    "tags": {"team": "a"}\n}'


class Sides:
    """vpc/core, published from Git; and queue/one beside it, which nobody but Git edits."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = FakeIndex()
        self.state = MemoryState(clock=clock)
        self.log = FakeLog()
        self.made = make_workspace(root, state=cast("Any", self.state), index=self.index, log=self.log)
        self.changes = 0
        self.file = write_config(root, "vpc/core", TEXT)
        write_config(root, "queue/one", "{}")
        self.publish()

    @property
    def workspace(self) -> Workspace:
        return self.made

    def publish(self, **options: Any) -> PublishResult:
        return publish(self.made, **options)

    def pull(self, **options: Any) -> PullResult:
        return pull(self.made, **options)

    def events(self, action: str) -> list[Event]:
        """Events of one action."""
        return [event for event in self.log.events_ if event.action == action]

    @property
    def stored(self) -> Any:
        found = self.made.parameters.get("/iac/vpc/core/config")
        return json.loads(found.value or "") if found else None

    @property
    def in_git(self) -> Any:
        return json.loads(self.file.read_text()) if self.file.exists() else None

    def change(self, after: Any) -> None:
        """Write the config as a change does."""
        self.changes += 1
        found = self.made.parameters.get("/iac/vpc/core/config")
        before = json.loads(found.value or "") if found else None
        version = found.version if found else 0
        edit = Edit(address="vpc/core", before=before, base_version=version, after=after)
        config_set.write(self.made, f"change-{self.changes}", [edit], None)

    def git(self, text: str | None) -> None:
        """Edit both files in Git; None removes that of vpc/core."""
        write_config(self.root, "queue/one", json.dumps({"edits": self.changes}))
        if text is None:
            self.file.unlink()
        else:
            self.file.write_text(text)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """Git and store agree."""
    return Sides(tmp_path)


def with_size(size: int) -> str:
    """Git's file with another size."""
    return TEXT.replace('"size": 1', f'"size": {size}')


class TestMerge:
    def test_edits_of_different_places_are_both_published(self, sides: Sides) -> None:
        """The store gets Git's edit and keeps the change's; the merge is shown before."""
        sides.change({**BASE, "tags": {"team": "b"}})
        sides.git(with_size(2))
        (merged,) = diff(sides.workspace).merged
        assert merged.from_git == (Difference(pointer="/size", op="changed", before=1, after=2),)
        assert merged.from_store == (Difference(pointer="/tags/team", op="changed", before="a", after="b"),)
        result = sides.publish()
        assert (result.written, result.merged) == (("queue/one", "vpc/core"), ("vpc/core",))
        assert sides.stored == {**BASE, "size": 2, "tags": {"team": "b"}}

    def test_a_merged_config_stays_ahead_and_takes_later_edits(self, sides: Sides) -> None:
        """A merge is neither undone by the next publish nor in conflict with a later edit."""
        sides.change({**BASE, "tags": {"team": "b"}})
        sides.git(with_size(2))
        sides.publish()
        assert (sides.publish().written, sides.publish().ahead_of_git) == ((), ("vpc/core",))
        sides.git(with_size(3))
        assert sides.publish().diverged == ()
        assert sides.stored == {**BASE, "size": 3, "tags": {"team": "b"}}

    def test_pulling_keeps_edits_of_the_file(self, sides: Sides) -> None:
        """The file gets the change's edit, in its own form, and keeps its own; publishing brings those."""
        sides.change({**BASE, "tags": {"team": "b"}})
        sides.git(with_size(2))
        (pulled,) = sides.pull().pulled
        assert (pulled.merged, pulled.removed) == (True, False)
        assert sides.file.read_text() == with_size(2).replace('"a"', '"b"')
        assert sides.publish().written == ("queue/one", "vpc/core")
        assert diff(sides.workspace).empty

    def test_pulling_keeps_the_form_of_a_file(self, sides: Sides) -> None:
        """Order of keys, indentation and the missing newline stay; one value differs."""
        sides.change({**BASE, "size": 5})
        sides.pull()
        assert sides.file.read_text() == with_size(5)

    def test_the_same_edit_twice_is_none(self, sides: Sides) -> None:
        """Git did what the change did, and more: that is Git's config."""
        sides.change({**BASE, "size": 2})
        sides.git('{"name": "core", "size": 2, "tags": {"team": "c"}}')
        result = sides.publish()
        assert (result.diverged, result.merged, "vpc/core" in result.written) == ((), (), True)
        sides.git('{"name": "core", "size": 9, "tags": {"team": "c"}}')
        assert sides.publish().written == ("vpc/core",)


class TestHeld:
    def test_only_the_config_that_diverged_is_held(self, sides: Sides) -> None:
        """Both edited one place: it stays, the finding says where, the others are published."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        for _ in range(2):
            result = sides.publish()
            assert (result.diverged, "vpc/core" in result.written) == (("vpc/core",), False)
            (finding,) = result.findings
            assert (finding.code, finding.component, finding.pointer) == ("diverged", "vpc/core", "/size")
        assert sides.made.parameters.get("/iac/queue/one/config", version=2) is not None
        assert (sides.stored["size"], sides.in_git["size"]) == (5, 2)
        (held,) = diff(sides.workspace).diverged
        assert held.places == (Overlap(pointer="/size", base=1, git=2, store=5),)

    def test_pull_leaves_the_file(self, sides: Sides) -> None:
        """A file that was edited at the place that a change moved is not overwritten."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        result = sides.pull()
        assert (result.pulled, result.diverged) == ((), ("vpc/core",))
        assert sides.file.read_text() == with_size(2)

    @pytest.mark.parametrize(
        ("verb", "take", "stored", "in_git"),
        [
            ("publish", {"git": frozenset({"vpc/core"})}, 2, 2),
            ("publish", {"store": frozenset({"vpc/core"})}, 5, 2),
            ("pull", {"git": frozenset({"vpc/core"})}, 5, 2),
            ("pull", {"store": frozenset({"vpc/core"})}, 5, 5),
        ],
    )
    def test_a_side_is_taken_once(
        self, sides: Sides, verb: str, take: dict[str, Any], stored: int, in_git: int
    ) -> None:
        """The winner's edit stands where both edited, the others merge; the next publish holds nothing."""
        sides.change({**BASE, "size": 5, "tags": {"team": "b"}})
        sides.git(with_size(2))
        getattr(sides, verb)(take=Take(**take))
        assert (sides.stored["size"], sides.in_git["size"]) == (stored, in_git)
        assert sides.stored["tags"] == {"team": "b"}
        result = sides.publish()
        assert result.diverged == ()
        winner = 2 if "git" in take else 5
        assert sides.stored == {**BASE, "size": winner, "tags": {"team": "b"}}
        sides.pull()
        assert sides.in_git == sides.stored
        assert diff(sides.workspace).empty

    def test_a_side_is_taken_of_nothing_else(self, sides: Sides) -> None:
        """A name that has not diverged is an error, and nothing is written; so are both sides of one."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        both = Take(git=frozenset({"vpc/core"}), store=frozenset({"vpc/core"}))
        for take in (Take(git=frozenset({"queue/one"})), Take(store=frozenset({"no/such"})), both):
            with pytest.raises(UsageError) as raised:
                sides.publish(take=take)
            assert raised.value.code == "not-diverged"
        assert sides.made.parameters.get("/iac/queue/one/config", version=2) is None

    @pytest.mark.parametrize("side", ["git", "store"])
    def test_removed_by_a_change_and_edited_in_git(self, sides: Sides, side: str) -> None:
        """Neither is silently undone: the config comes back, or stays away, when somebody says so."""
        sides.change(None)
        sides.git(with_size(2))
        assert (sides.publish().diverged, sides.stored) == (("vpc/core",), None)
        assert sides.pull().diverged == ("vpc/core",)
        result = sides.publish(take=Take(**{side: frozenset({"vpc/core"})}))
        assert result.diverged == ()
        assert (sides.stored is None) == (side == "store")
        assert sides.publish().diverged == ()
        sides.pull()
        assert (sides.in_git is None) == (side == "store")

    def test_what_a_change_edited_and_removed_is_not_resurrected(self, sides: Sides) -> None:
        """Git's file is as it was before both changes: it is no wish to have the config back."""
        sides.change({**BASE, "size": 5})
        sides.change(None)
        result = sides.publish()
        assert (result.written, result.ahead_of_git, sides.stored) == ((), ("vpc/core",), None)

    @pytest.mark.parametrize("side", ["git", "store"])
    def test_removed_in_git_and_edited_by_a_change(self, sides: Sides, side: str) -> None:
        """The edited parameter is neither pruned nor pulled as if Git had never had it."""
        sides.change({**BASE, "size": 5})
        sides.git(None)
        result = sides.publish(prune=True)
        assert (result.diverged, result.pruned, result.removed_from_git) == (("vpc/core",), (), ())
        assert (sides.pull().diverged, sides.in_git) == (("vpc/core",), None)
        result = sides.publish(prune=True, take=Take(**{side: frozenset({"vpc/core"})}))
        assert (sides.stored is None) == (side == "git")
        sides.pull()
        assert (sides.in_git is None) == (side == "git")

    def test_a_change_that_was_written_over_by_hand(self, sides: Sides) -> None:
        """Somebody wrote past Karma over a change: Git's old config does not undo both in silence."""
        sides.change({**BASE, "size": 5})
        value = json.dumps({**BASE, "size": 6})
        sides.made.parameters.put([ParameterWrite(name="/iac/vpc/core/config", value=value)])
        assert sides.publish().ahead_of_git == ("vpc/core",)
        sides.git(with_size(2))
        assert sides.publish().diverged == ("vpc/core",)

    def test_a_merge_that_is_too_large_is_held(self, sides: Sides) -> None:
        """Each side fits a parameter, both together do not: the others are published, nothing fails."""
        sides.change({**BASE, "of-change": "x" * 5000})
        sides.git(json.dumps({**BASE, "of-git": "y" * 5000}))
        result = sides.publish()
        assert (result.written, result.diverged) == (("queue/one",), ("vpc/core",))
        assert "too large" in result.findings[0].message

    def test_a_secret_is_not_merged(self, sides: Sides) -> None:
        """Edits of different places are held, too, and no value is shown; by name they are merged."""
        sides.change({**BASE, "size": 5})
        value = json.dumps({**BASE, "size": 6})
        name = "/iac/vpc/core/config"
        sides.made.parameters.put([ParameterWrite(name=name, value=value, kind=ParameterKind.SECURE)])
        sides.git(TEXT.replace('"a"', '"b"'))
        assert sides.publish().diverged == ("vpc/core",)
        (held,) = diff(sides.workspace).diverged
        assert "6" not in str(held.places)

    def test_who_took_a_side_stands_in_the_log(self, sides: Sides) -> None:
        """Also where nothing had to be written for it; a publish names what it held."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        sides.publish()
        assert sides.events("config_publish")[-2].inputs["diverged"] == ["vpc/core"]
        sides.publish(take=Take(store=frozenset({"vpc/core"})))
        (event,) = sides.events("config_take")
        assert (event.inputs, event.user) == ({"store": ["vpc/core"]}, "ann@example.org")


class TestLost:
    def test_without_the_index(self, sides: Sides) -> None:
        """The publish index is a cache: without it the same is found."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        sides.index.saved.clear()
        assert sides.publish().diverged == ("vpc/core",)

    def test_without_the_notes(self, sides: Sides) -> None:
        """What Git was seen to hold is forgotten: a config that both may have edited is held."""
        sides.change({**BASE, "size": 5})
        sides.pull()
        for document in sides.state.documents(git_holds.KIND):
            sides.state.put_document(git_holds.KIND, document.id, {"change": ""})
        sides.git(with_size(2))
        assert sides.publish().diverged == ("vpc/core",)
        assert sides.stored["size"] == 5

    def test_without_the_history(self, sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last common version is not kept any more: held, and said so."""
        sides.change({**BASE, "size": 5})
        sides.git(with_size(2))
        history = sides.made.parameters.history
        monkeypatch.setattr(sides.made.parameters, "history", lambda name: history(name)[1:])
        result = sides.publish()
        assert result.diverged == ("vpc/core",)
        assert "is not known" in result.findings[0].message

    def test_many_changes_beside_a_file_that_stays(self, sides: Sides) -> None:
        """A hundred versions later Git is still known not to have edited: the config is ahead."""
        for size in range(2, 110):
            sides.change({**BASE, "size": size})
            if size % 50 == 0:
                assert sides.publish().ahead_of_git == ("vpc/core",)
        assert sides.publish().ahead_of_git == ("vpc/core",)
        sides.git(TEXT.replace('"a"', '"b"'))
        assert sides.publish().merged == ("vpc/core",)
