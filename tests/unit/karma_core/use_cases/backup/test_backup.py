"""A backup holds all that an environment keeps, and a restore brings it back, or does nothing."""

from __future__ import annotations

import dataclasses
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from karma_adapters.local.backup_file import OpenedBackup
from karma_core.errors import BadInput, KarmaError, LeaseHeld, LogTampered, Refused, StoreUnavailable
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.access import tokens
from karma_core.use_cases.backup.manifest import Others
from karma_core.use_cases.backup.restoring import restore
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.outdated_secrets import HMAC_KEY
from karma_core.workspace import EnvironmentSettings
from karma_log.log import Log
from tests.backup_system import back_up, others_of, planned, put_back
from tests.memory.copies import MemoryStates
from tests.memory_system import Killed, System

CONFIGS: dict[str, dict[str, Any]] = {"a_one": {"x": 1}, "b_two": {"y": 2, "a_nickname": "one"}}
NOTHING = {"a/one": "no-op", "b/two": "no-op"}


def deployed() -> System:
    """A system with two components, one of them deployed twice."""
    system = System()
    system.configure(**CONFIGS)
    system.deploy()
    system.configure(a_one={"x": 3})
    system.deploy()
    return system


@pytest.fixture
def system() -> System:
    """A system with two deployed components."""
    return deployed()


@pytest.fixture
def backup(system: System, tmp_path: Path) -> Path:
    """A backup of that system."""
    path = tmp_path / "backup.zip"
    back_up(system, path)
    return path


def refused(system: System, path: Path, **options: Any) -> str:
    """The code with which a restore is refused; nothing was written in the system."""
    before = [list(system.state.copy_out()), list(system.parameters.read_tree("/iac")), system.sink.head()]
    with pytest.raises(KarmaError) as caught:
        put_back(system, path, **options)
    after = [list(system.state.copy_out()), list(system.parameters.read_tree("/iac")), system.sink.head()]
    assert after == before
    return caught.value.code


class TestEverythingLost:
    def test_the_environment_is_as_it_was(self, system: System, backup: Path) -> None:
        """No component would run; versions, secrets, runs, builds and artifacts are the same."""
        other = System()
        put_back(other, backup)
        assert planned(other) == NOTHING
        assert other.state.secret(HMAC_KEY) == system.state.secret(HMAC_KEY)
        assert other.state.all_applied() == system.state.all_applied()
        assert other.state.runs() == system.state.runs()
        assert other.graph.builds("test") == system.graph.builds("test")
        assert set(other.artifacts.keys("")) >= set(system.artifacts.keys(""))
        name = "/iac/a/one/config"
        ours, theirs = other.parameters.history(name), system.parameters.history(name)
        assert [(p.version, p.value) for p in ours] == [(p.version, p.value) for p in theirs]

    def test_the_log_is_whole_and_tells_of_both(self, system: System, backup: Path) -> None:
        """Its chain is intact; the restore stands behind what was there when the backup was taken."""
        other = System()
        put_back(other, backup)
        assert other.log.verify().verified
        assert system.events("backup") == [(None, "started"), (None, "succeeded")]
        assert other.events("backup") == [(None, "started")]
        assert other.events("restore") == [(None, "started"), (None, "succeeded")]
        (started, _) = other.log.events(action="restore")
        assert (started.user, started.inputs["from"]) == ("ann", "backup.zip")

    def test_the_stores_know_each_other_as_they_are_now(self, system: System, backup: Path) -> None:
        """Neither is taken for an older one, in empty stores and over what is there."""
        assert system.state.document(heights.KIND, heights.DOCUMENT) is not None
        other = System()
        put_back(other, backup)
        put_back(system, backup, over_existing=True)
        for restored in (other, system):
            assert list(heights.findings(restored.workspace)) == []

    def test_work_goes_on(self, backup: Path) -> None:
        """A deploy after it applies what was edited, and no more."""
        other = System()
        put_back(other, backup)
        other.configure(b_two={"y": 5, "a_nickname": "one"})
        other.deploy()
        assert other.applies() == ["b/two"]
        assert other.log.verify().verified

    def test_more_versions_than_a_store_keeps(self, tmp_path: Path) -> None:
        """Version numbers are those of before; what no store keeps any more is not there."""
        system = System()
        for number in range(130):
            system.configure(a_one={"x": number})
        back_up(system, tmp_path / "b.zip")
        other = System()
        put_back(other, tmp_path / "b.zip")
        history = other.parameters.history("/iac/a/one/config")
        assert (history[0].version, history[-1].version) == (31, 130)
        assert [p.value for p in history] == [p.value for p in system.parameters.history("/iac/a/one/config")]

    def test_an_interrupted_run_can_be_resumed(self, tmp_path: Path) -> None:
        """Leases are not restored: whoever held them is gone."""
        system = System()
        system.configure(**CONFIGS)
        system.terraform.failures["b/two"] = "apply"
        run = system.deploy().run_id
        system.state.acquire(["component:b/two"], "gone", 600)
        back_up(system, tmp_path / "b.zip")
        other = System()
        put_back(other, tmp_path / "b.zip")
        assert other.state.leases() == ()
        other.resume(run)
        assert other.applies() == ["b/two"]
        assert planned(other) == NOTHING


class TestWhileItWorks:
    """Something moves between two reads of a backup, at each of them once."""

    @pytest.mark.parametrize("port", ["parameters", "state", "states", "artifacts", "graph"])
    def test_a_deploy_between_two_reads(self, tmp_path: Path, port: str) -> None:
        """What was read before it is read again: applied records, states and runtimes fit together."""
        for number in range(12):
            system = deployed()
            edited = _Then(number, lambda s=system: (s.configure(a_one={"x": 9}), s.deploy()))
            others = others_of(system)
            if port == "states":
                others = Others(states=_watched(others.states, edited), modules=others.modules)
            else:
                setattr(system, port, _watched(getattr(system, port), edited))
            path = tmp_path / f"{port}-{number}.zip"
            back_up(system, path, others=others)
            other = System()
            put_back(other, path)
            assert set(planned(other).values()) <= {"no-op"} or not edited.done, (port, number)
            _check_together(other)

    def test_a_state_read_before_its_apply_ended_is_read_again(self, tmp_path: Path) -> None:
        """Else an applied record would stand for a resource that no state has: it would be made twice."""
        system = System()
        system.configure(**CONFIGS)
        first = MemoryStates(system.terraform)
        others = Others(states=_watched(first, _Then(0, system.deploy)), modules=others_of(system).modules)
        back_up(system, tmp_path / "b.zip", others=others)
        other = System()
        put_back(other, tmp_path / "b.zip")
        assert planned(other) == NOTHING
        assert sorted(other.terraform.states()) == ["a/one", "b/two"]

    def test_an_environment_that_never_stands_still(self, system: System, tmp_path: Path) -> None:
        """No backup is better than one whose parts do not fit."""
        system.parameters = _watched(  # type: ignore[assignment]
            system.parameters, lambda: system.state.journal(_entry(system))
        )
        with pytest.raises(StoreUnavailable) as caught:
            back_up(system, tmp_path / "b.zip")
        assert caught.value.code == "backup-busy"
        assert not (tmp_path / "b.zip").exists()
        assert system.events("backup") == [(None, "started"), (None, "failed")]


class _Then:
    """Does something before the call of that number, once."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self._left = number
        self._act = act
        self.done = False

    def __call__(self) -> None:
        if self._left == 0 and not self.done:
            self.done = True
            self._act()
        self._left -= 1


class _Watched:
    def __init__(self, port: Any, before: Callable[[], object]) -> None:
        self._port, self._before, self._inside = port, before, False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)

        def call(*words: Any, **named: Any) -> Any:
            if not self._inside:
                self._inside = True
                try:
                    self._before()
                finally:
                    self._inside = False
            return found(*words, **named)

        return call


def _watched(port: Any, before: Callable[[], object]) -> Any:
    """The port, with something that happens before each of its calls."""
    return _Watched(port, before)


def _entry(system: System) -> Any:
    """Another journal entry of a component."""
    return replace(system.state.entries(address="a/one")[0], status="started", generation=99)


def _check_together(system: System) -> None:
    """Every applied record has the state that it speaks of, and the runtime of that state."""
    states = system.terraform.states()
    for address, applied in system.state.all_applied().items():
        assert states[address]["input"]["config"] == applied.config
        assert system.runtime(address)["id"] == states[address]["id"]


class TestNothingIsWritten:
    def test_into_stores_that_hold_something(self, system: System, backup: Path) -> None:
        """They are named; a flag puts the backup in their place."""
        assert refused(system, backup) == "stores-not-empty"

    @pytest.mark.parametrize("other", [{"name": "prod"}, {"prefix": "/other"}, {"region": "eu-west-1"}])
    def test_into_another_environment(self, backup: Path, other: dict[str, str]) -> None:
        """Another name, prefix or region."""
        system = System()
        settings = EnvironmentSettings(**{"name": "test", "parallelism": 4, **other})
        assert refused(_with_settings(system, settings), backup) == "backup-elsewhere"

    def test_into_another_account(self, backup: Path) -> None:
        """Its binding names another environment."""
        system = System()
        write = ParameterWrite(name="/iac/environment", value='{"environment":"prod"}')
        system.parameters.put([write])
        assert refused(system, backup) == "environment-mismatch"

    def test_where_somebody_works(self, backup: Path) -> None:
        """A lease of whatever name is held."""
        system = System()
        system.state.acquire(["component:z/z"], "somebody", 600)
        with pytest.raises(LeaseHeld, match="somebody"):
            put_back(system, backup)
        assert list(system.parameters.read_tree("/iac")) == []

    def test_from_a_newer_form(self, backup: Path) -> None:
        """It is said to be newer, not to be damaged."""
        rewritten(backup, "manifest.json", lambda raw: json.dumps({**json.loads(raw), "format": 2}).encode())
        assert refused(System(), backup) == "backup-newer"

    @pytest.mark.parametrize(
        "member", ["state.jsonl", "log.jsonl", "terraform/a/one.tfstate", "manifest.json"]
    )
    def test_from_a_backup_with_another_member(self, backup: Path, member: str) -> None:
        """A member that was changed and packed again has another digest."""
        rewritten(backup, member, lambda raw: raw.replace(b"3", b"4"))
        assert refused(System(), backup) == "backup-damaged"

    @pytest.mark.parametrize("member", ["state.jsonl", "terraform/a/one.tfstate", "graph/current.json"])
    def test_from_a_backup_without_a_member(self, backup: Path, member: str) -> None:
        """The manifest lists what has to be there."""
        rewritten(backup, member, lambda _: None)
        assert refused(System(), backup) == "backup-damaged"

    def test_from_a_backup_with_flipped_bytes(self, backup: Path, tmp_path: Path) -> None:
        """Wherever a byte of the file is another: the restore is refused, or nothing of it had a meaning."""
        whole, seeded = backup.read_bytes(), random.Random(16)
        kept = 0
        for number in range(200):
            raw = bytearray(whole)
            raw[seeded.randrange(len(raw))] ^= 1 << seeded.randrange(8)
            damaged = tmp_path / f"{number}.zip"
            damaged.write_bytes(raw)
            other = System()
            try:
                put_back(other, damaged)
            except (BadInput, LogTampered):
                assert list(other.parameters.read_tree("/iac")) == []
                continue
            kept += 1
            assert planned(other) == NOTHING
        assert kept < 60

    def test_from_what_is_no_backup(self, tmp_path: Path) -> None:
        """An empty file, some text, half a backup."""
        for content in (b"", b"text", b"PK\x03\x04"):
            path = tmp_path / "x.zip"
            path.write_bytes(content)
            assert refused(System(), path) == "backup-damaged"

    def test_into_a_log_of_its_own(self, backup: Path) -> None:
        """Neither log is the other's beginning: no event of either may be lost."""
        system = System()
        system.log.append(
            replace(next(iter(deployed().log.events())), user="somebody", seq=0, prev="", hash="")
        )
        with pytest.raises(Refused) as caught:
            put_back(system, backup, over_existing=True)
        assert caught.value.code == "log-diverged"
        assert list(system.parameters.read_tree("/iac")) == []


def _with_settings(system: System, settings: EnvironmentSettings) -> System:
    class Other(type(system)):  # type: ignore[misc]
        @property
        def workspace(self) -> Any:
            return dataclasses.replace(super().workspace, environment=settings)

    system.__class__ = Other
    return system


def rewritten(path: Path, member: str, change: Callable[[bytes], bytes | None]) -> None:
    """Pack a backup again, with one member changed, or left out."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            kept = change(content) if name == member else content
            if kept is not None:
                archive.writestr(name, kept)


class TestOverWhatIsThere:
    def test_it_is_as_it_was_backed_up(self, system: System, backup: Path) -> None:
        """Configs of since then are gone or as they were; the log keeps everything and goes on."""
        events = len(list(system.log.events()))
        system.configure(a_one={"x": 7}, c_new={"z": 1})
        put_back(system, backup, over_existing=True)
        assert planned(system) == NOTHING
        assert system.parameters.get("/iac/c/new/config") is None
        assert len(list(system.log.events())) == events + 2
        assert system.log.verify().verified

    def test_a_newer_state_stays(self, system: System, tmp_path: Path) -> None:
        """It knows resources that the backup does not: they would be made a second time."""
        back_up(system, tmp_path / "b.zip")
        resource, serial, lineage = system.terraform.copy_of_state("a/one")
        system.terraform.put_state("a/one", (resource, serial + 1, lineage))
        system.terraform.put_state("d/more", ({"id": "id-9"}, 1, "another"))
        result = put_back(system, tmp_path / "b.zip", over_existing=True)
        assert (result.newer_states, result.other_states) == (("a/one",), ("d/more",))
        assert system.terraform.copy_of_state("a/one") == (resource, serial + 1, lineage)

    @pytest.mark.parametrize("lost", ["state", "sink", "parameters", "graph"])
    def test_one_store_lost(self, system: System, backup: Path, lost: str) -> None:
        """The others are there, and know higher tokens and events than the empty one."""
        fresh = System()
        setattr(system, lost, getattr(fresh, lost))
        if lost in {"state", "sink"}:
            system.log = Log(system.sink, system.state)
        put_back(system, backup, over_existing=True)
        assert planned(system) == NOTHING
        assert system.log.verify().verified

    def test_a_restore_that_is_broken_off_goes_on(self, backup: Path) -> None:
        """After whichever call: a plan destroys nothing, and the same restore ends it."""
        for calls in range(0, 200, 7):
            system = System()
            workspace = system.workspace
            system.life.calls_left = calls
            with closing(OpenedBackup(backup)) as opened, suppress(Killed):
                restore(workspace, others_of(system), opened, source="b")
            system.clock.pass_seconds(600)
            assert "destroy" not in planned(system).values()
            put_back(system, backup, over_existing=True)
            assert planned(system) == NOTHING
            assert system.log.verify().verified


class TestSecrets:
    def test_secure_strings_are_left_out_unless_asked_for(self, system: System, tmp_path: Path) -> None:
        """Their names are in the manifest, and a restore says so; with the option their values are there."""
        secret = ParameterWrite(name="/iac/c/key/config", value='{"k":"s3cr3t"}', kind=ParameterKind.SECURE)
        system.parameters.put([secret])
        taken = back_up(system, tmp_path / "without.zip")
        assert taken.left_out == (secret.name,)
        assert b"s3cr3t" not in b"".join(contents(tmp_path / "without.zip").values())
        other = System()
        assert put_back(other, tmp_path / "without.zip").left_out == (secret.name,)
        assert other.parameters.get(secret.name) is None

        assert back_up(system, tmp_path / "with.zip", secure=True).left_out == ()
        other = System()
        put_back(other, tmp_path / "with.zip")
        held = other.parameters.get(secret.name, decrypt=True)
        assert held is not None
        assert (held.value, held.kind) == (secret.value, ParameterKind.SECURE)

    def test_a_backup_is_its_owners_alone(self, backup: Path) -> None:
        """It holds the environment's secret and Terraform's states."""
        assert backup.stat().st_mode & 0o777 == 0o600

    def test_a_backup_replaces_nothing(self, system: System, backup: Path) -> None:
        """Not even another backup."""
        with pytest.raises(Refused) as caught:
            back_up(system, backup)
        assert caught.value.code == "backup-exists"


def contents(path: Path) -> dict[str, bytes]:
    """Member → content."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class TestWhoMayRestore:
    NAMED = EnvironmentSettings(name="test", parallelism=4, policy={"approvers": ["ann"]})

    def token(self, system: System, role: Role) -> str:
        """A new token of that role."""
        return tokens.create(system.workspace, "eve", role)[1]

    def test_where_a_policy_names_persons_an_admin_does(self, system: System, tmp_path: Path) -> None:
        """By a token that the backup knows: the store that knew it may be lost."""
        admin, operator = self.token(system, Role.ADMIN), self.token(system, Role.OPERATOR)
        back_up(system, tmp_path / "b.zip")
        for text, code in (("", "role-too-low"), (operator, "role-too-low"), ("x", "token-not-recognised")):
            other = _with_settings(System(), self.NAMED)
            assert refused(other, tmp_path / "b.zip", token=text) == code
        other = _with_settings(System(), self.NAMED)
        put_back(other, tmp_path / "b.zip", token=admin)
        assert {event.user for event in other.log.events(action="restore")} == {"eve"}

    def test_the_policy_of_the_backup_counts(self, system: System, tmp_path: Path) -> None:
        """A checkout without a policy does not set it aside."""
        published = {"policy": {"approvers": ["ann"]}, "identities": {}, "types": {}}
        system.parameters.put([ParameterWrite(name="/iac/_policy", value=json.dumps(published))])
        back_up(system, tmp_path / "b.zip")
        assert refused(System(), tmp_path / "b.zip") == "role-too-low"
