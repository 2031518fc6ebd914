"""Publishing: what is written, what is left alone, what is refused, what is logged."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karma_core.errors import BadInput, Conflict, LeaseHeld, Refused, ValidationFailed
from karma_core.model import Provenance
from karma_core.provenance import describe, read_description
from karma_core.records import Applied, ParameterKind, ParameterWrite
from karma_core.use_cases.configs.diff import diff
from karma_core.use_cases.configs.publish import Kept, publish
from karma_core.use_cases.fleet.binding import bind
from karma_core.workspace import Workspace
from tests.contract.test_config_repository import commit_all, git
from tests.workspace_fakes import (
    CountedParameters,
    CountedRepository,
    FakeIndex,
    FakeLog,
    FakeState,
    make_workspace,
    write_config,
)


class World:
    """A project directory and the fakes around it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parameters = CountedParameters()
        self.repository = CountedRepository(root)
        self.index = FakeIndex()
        self.state = FakeState()
        self.log = FakeLog()
        (root / "iac/dev").mkdir(parents=True, exist_ok=True)

    @property
    def workspace(self) -> Workspace:
        return make_workspace(
            self.root,
            parameters=self.parameters,
            repository=self.repository,
            index=self.index,
            state=self.state,
            log=self.log,
        )

    def put(self, address: str, value: str, **facts: object) -> None:
        write = ParameterWrite(name=f"/iac/{address}/config", value=value, **facts)  # type: ignore[arg-type]
        self.parameters.put([write])

    def value(self, address: str) -> str | None:
        parameter = self.parameters.get(f"/iac/{address}/config")
        return parameter.value if parameter else None

    def config(self, address: str, text: str | bytes) -> Path:
        return write_config(self.root, address, text)

    def rest(self) -> None:
        """Let the files grow older than the tick in which a stamp is not trusted."""
        time.sleep(0.15)

    def remove(self, address: str) -> None:
        (self.root / "iac/dev" / address / "config.json").unlink()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A project without components."""
    return World(tmp_path)


class TestWriting:
    def test_writes_canonical_values_with_provenance(self, world: World) -> None:
        """A config is stored as compact JSON with sorted keys; its description says where it came from."""
        world.config("vpc/core", '{\n  "b": 1,\n  "a": "é"\n}\n')
        result = publish(world.workspace)
        assert (result.written, result.versions) == (("vpc/core",), {"vpc/core": 1})
        stored = world.parameters.get("/iac/vpc/core/config")
        assert stored is not None
        assert stored.value == '{"a":"é","b":1}'
        provenance = read_description(stored.description)
        assert provenance == Provenance(path="iac/dev/vpc/core/config.json")

    def test_only_what_changed(self, world: World) -> None:
        """An unchanged config is not written, and neither is another layout of the same value."""
        path = world.config("vpc/core", '{"a": 1, "b": 2}')
        world.config("vpc/edge", "{}")
        publish(world.workspace)
        path.write_text('{"b":2,\n"a":1}')
        world.config("vpc/edge", '{"x":1}')
        result = publish(world.workspace)
        assert (result.written, result.unchanged) == (("vpc/edge",), ("vpc/core",))
        assert result.versions == {"vpc/edge": 2}
        assert len(world.parameters.history("/iac/vpc/core/config")) == 1

    def test_a_value_that_another_layout_holds(self, world: World) -> None:
        """A stored value that is Git's but for its spaces is left as it is."""
        world.config("vpc/core", '{"a":1}')
        world.put("vpc/core", '{ "a": 1 }', description="by hand")
        assert publish(world.workspace).written == ()

    def test_rewrites_what_was_edited_by_hand(self, world: World) -> None:
        """Git is the intent: a stored value that no change made is brought back to it."""
        world.config("vpc/core", '{"a":1}')
        publish(world.workspace)
        for value in ['{"a":2}', "no json", "[]"]:
            world.put("vpc/core", value)
            assert publish(world.workspace).written == ("vpc/core",)
            assert world.value("vpc/core") == '{"a":1}'

    def test_dry_run_changes_nothing(self, world: World) -> None:
        """A dry run says what would be done and leaves store, index, log and leases alone."""
        world.config("vpc/core", "{}")
        result = publish(world.workspace, dry_run=True)
        assert (result.dry_run, result.written) == (True, ("vpc/core",))
        assert (world.parameters.puts, world.log.said, world.state.grants, world.index.saved) == (
            0,
            [],
            [],
            {},
        )

    def test_a_secure_config_stays_secure(self, world: World) -> None:
        """A config that is kept as SecureString is compared in the clear and written as one."""
        world.config("vpc/core", '{"a":"canary-new"}')
        world.put("vpc/core", '{"a":"canary-old"}', kind=ParameterKind.SECURE)
        shown = diff(world.workspace)
        assert shown.changed[0].differences[0].pointer == "/a"
        assert "canary" not in repr(shown)
        publish(world.workspace)
        stored = world.parameters.get("/iac/vpc/core/config")
        assert stored is not None
        assert stored.kind is ParameterKind.SECURE
        assert publish(world.workspace).written == ()

    def test_the_record_is_json(self, world: World) -> None:
        """The result is a JSON document, sorted."""
        for address in ["vpc/b", "vpc-x/a", "vpc/a"]:
            world.config(address, "{}")
        document = json.loads(msgspec.json.encode(publish(world.workspace)))
        assert document["written"] == ["vpc-x/a", "vpc/a", "vpc/b"]


class TestFastPath:
    def test_nothing_moved_nothing_read(self, world: World) -> None:
        """With stamps, index and revision as before, no file and no parameter is read or written."""
        for number in range(30):
            world.config(f"vpc/n{number}", f'{{"a":{number}}}')
        world.rest()
        publish(world.workspace)
        events, files = world.log.said, world.repository.reads
        reads, puts = world.parameters.reads, world.parameters.puts
        result = publish(world.workspace)
        assert len(result.unchanged) == 30
        assert (world.repository.reads, world.parameters.reads, world.parameters.puts) == (files, reads, puts)
        assert world.log.said == events

    def test_other_writes_cost_no_file_reads(self, world: World) -> None:
        """When the store has moved elsewhere, parameters are read again but files are not."""
        world.config("vpc/core", "{}")
        world.rest()
        publish(world.workspace)
        files = world.repository.reads
        world.parameters.put([ParameterWrite(name="/iac/vpc/core/runtime", value="{}")])
        assert publish(world.workspace).unchanged == ("vpc/core",)
        assert world.repository.reads == files
        reads = world.parameters.reads
        publish(world.workspace)
        assert world.parameters.reads == reads

    def test_a_change_of_the_same_size_is_seen(self, world: World) -> None:
        """Another content of equal length and modification time, at once after a publish, is published."""
        path = world.config("vpc/core", '{"a":1}')
        os.utime(path, (10**9, 10**9))
        for number in [2, 3, 4]:
            publish(world.workspace)
            path.write_text(f'{{"a":{number}}}')
            os.utime(path, (10**9, 10**9))
            assert publish(world.workspace).written == ("vpc/core",)

    def test_a_rival_between_reading_and_writing_is_seen_later(self, world: World) -> None:
        """A write by somebody else just before ours is not hidden by the revision that we keep."""
        world.config("vpc/core", '{"a":1}')
        world.config("vpc/edge", '{"a":1}')
        world.rest()
        publish(world.workspace)
        world.config("vpc/edge", '{"a":2}')
        world.parameters.before_put = lambda: world.put("vpc/core", '{"rival":1}')
        assert publish(world.workspace).written == ("vpc/edge",)
        assert publish(world.workspace).written == ("vpc/core",)

    def test_an_edited_parameter_is_seen(self, world: World) -> None:
        """A parameter that was edited by hand is brought back though its file is as before."""
        world.config("vpc/core", '{"a":1}')
        world.rest()
        publish(world.workspace)
        world.put("vpc/core", '{"a":2}')
        assert publish(world.workspace).written == ("vpc/core",)

    def test_a_deleted_parameter_comes_back(self, world: World) -> None:
        """A parameter that is gone is written again though its file is as before."""
        world.config("vpc/core", "{}")
        world.rest()
        publish(world.workspace)
        world.parameters.delete(["/iac/vpc/core/config"])
        assert publish(world.workspace).versions == {"vpc/core": 1}

    def test_a_store_without_revision(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the store has no revision, it is read each time, and publishing is as exact."""
        monkeypatch.setattr(world.parameters, "revision", lambda: None)
        world.config("vpc/core", "{}")
        publish(world.workspace)
        assert publish(world.workspace).unchanged == ("vpc/core",)
        world.put("vpc/core", '{"a":1}')
        assert publish(world.workspace).written == ("vpc/core",)

    @pytest.mark.parametrize("count", [3, 60])
    def test_many_changed_files(self, world: World, count: int) -> None:
        """Few changed files are looked up one by one and many by one walk, with the same outcome."""
        for number in range(count):
            world.config(f"vpc/n{number}", "{}")
        publish(world.workspace)
        for number in range(count):
            world.config(f"vpc/n{number}", '{"a":1}')
        assert len(publish(world.workspace).written) == count
        assert diff(world.workspace).empty


class TestAheadOfGit:
    def test_is_not_overwritten(self, world: World) -> None:
        """A version that a change made is reported until Git holds it, and stays."""
        world.config("vpc/core", '{"a":1}')
        publish(world.workspace)
        world.put("vpc/core", '{"a":2}', description=describe(Provenance(change="c-1")))
        for _ in range(2):
            result = publish(world.workspace)
            assert (result.written, result.ahead_of_git, result.unchanged) == ((), ("vpc/core",), ())
        assert world.value("vpc/core") == '{"a":2}'
        assert diff(world.workspace).ahead_of_git[0].differences[0].after == 2
        world.config("vpc/core", '{"a":2}')
        result = publish(world.workspace)
        assert (result.ahead_of_git, result.unchanged) == ((), ("vpc/core",))

    def test_a_component_that_a_change_made(self, world: World) -> None:
        """A config that only a change knows is ahead of Git, not removed from it, and never pruned."""
        world.put("vpc/new", "{}", description=describe(Provenance(change="c-1")))
        result = publish(world.workspace, prune=True)
        assert (result.ahead_of_git, result.removed_from_git, result.pruned) == (("vpc/new",), (), ())


class TestRemoved:
    def published(self, world: World, count: int) -> None:
        for number in range(count):
            world.config(f"vpc/n{number:02}", "{}")
        publish(world.workspace)

    def test_reported_each_time(self, world: World) -> None:
        """A config that left Git is reported by every publish, and stays without `prune`."""
        self.published(world, 2)
        world.remove("vpc/n00")
        for _ in range(2):
            assert publish(world.workspace).removed_from_git == ("vpc/n00",)
        assert world.value("vpc/n00") == "{}"

    def test_pruned(self, world: World) -> None:
        """`prune` deletes it, says so in the log, and the next publish has nothing to do."""
        self.published(world, 2)
        world.remove("vpc/n00")
        result = publish(world.workspace, prune=True)
        assert (result.pruned, world.value("vpc/n00")) == (("vpc/n00",), None)
        assert world.log.events_[-2].inputs == {"write": [], "prune": ["vpc/n00"]}
        assert publish(world.workspace, prune=True).removed_from_git == ()

    def test_nothing_is_pruned_that_git_holds(self, world: World) -> None:
        """A sparse checkout lacks configs that have not left Git: refused, with the reason."""
        self.published(world, 2)
        world.config("queue/one", "{}")
        publish(world.workspace)
        commit_all(world.root)
        git(world.root, "sparse-checkout", "set", "iac/dev/queue")
        world.config("queue/one", '{"a":1}')
        assert diff(world.workspace).not_checked_out == ("vpc/n00", "vpc/n01")
        with pytest.raises(Refused) as raised:
            publish(world.workspace, prune=True, assume_yes=True)
        reasons = {"vpc/n00": "sparse-checkout", "vpc/n01": "sparse-checkout"}
        assert (raised.value.code, raised.value.facts["reasons"]) == ("not-checked-out", reasons)
        assert (world.value("vpc/n00"), world.value("queue/one")) == ("{}", "{}")
        result = publish(world.workspace)
        assert (result.not_checked_out, result.removed_from_git) == (("vpc/n00", "vpc/n01"), ())
        assert (result.written, publish(world.workspace).written) == (("queue/one",), ())
        git(world.root, "sparse-checkout", "disable")
        assert publish(world.workspace, prune=True).not_checked_out == ()

    def test_a_deletion_that_is_not_committed(self, world: World) -> None:
        """It counts as gone, and is shown as what it is."""
        self.published(world, 2)
        commit_all(world.root)
        world.remove("vpc/n00")
        assert publish(world.workspace).deletions_uncommitted == ("vpc/n00",)
        result = publish(world.workspace, prune=True)
        assert (result.pruned, result.deletions_uncommitted) == (("vpc/n00",), ("vpc/n00",))

    def test_kept_while_deployed_or_foreign(self, world: World) -> None:
        """What runs, what was applied and what Karma did not publish is kept, with the reason."""
        self.published(world, 4)
        for number in range(3):
            world.remove(f"vpc/n{number:02}")
        world.parameters.put([ParameterWrite(name="/iac/vpc/n00/runtime", value="{}")])
        world.state.records["vpc/n01"] = Applied(
            address="vpc/n01",
            fingerprint="",
            generation=1,
            run_id="",
            at="",
            config={},
            config_version=1,
            module="",
            inputs={},
        )
        world.put("vpc/n02", "{}", description="by hand")
        result = publish(world.workspace, prune=True)
        assert result.pruned == ()
        assert result.kept == (
            Kept(address="vpc/n00", reason="runtime-exists"),
            Kept(address="vpc/n01", reason="applied-record"),
            Kept(address="vpc/n02", reason="not-published-by-karma"),
        )

    def test_a_mass_deletion_is_asked_about(self, world: World) -> None:
        """Six of twenty are too many to go unasked; a refusal deletes nothing, a yes all."""
        self.published(world, 20)
        for number in range(6):
            world.remove(f"vpc/n{number:02}")
        asked: list[list[str]] = []
        for confirm in (None, lambda addresses: asked.append(list(addresses)) or False):
            with pytest.raises(Refused) as raised:
                publish(world.workspace, prune=True, confirm=confirm)
            assert raised.value.code == "mass-deletion"
        assert len(asked[0]) == 6
        assert len(publish(world.workspace, prune=True, dry_run=True).pruned) == 6
        assert world.value("vpc/n00") == "{}"
        assert len(publish(world.workspace, prune=True, confirm=lambda addresses: True).pruned) == 6

    def test_five_go_unasked_and_yes_may_be_assumed(self, world: World) -> None:
        """Five at once are not many; `assume_yes` answers for the rest."""
        self.published(world, 20)
        for number in range(5):
            world.remove(f"vpc/n{number:02}")
        assert len(publish(world.workspace, prune=True).pruned) == 5
        for number in range(5, 15):
            world.remove(f"vpc/n{number:02}")
        assert len(publish(world.workspace, prune=True, assume_yes=True).pruned) == 10

    def test_not_when_deployed_meanwhile(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """A runtime that appears between judgement and deletion stops the pruning."""
        self.published(world, 2)
        world.remove("vpc/n00")
        acquire = world.state.acquire

        def deploy_first(names: list[str], holder: str, seconds: float) -> object:
            world.parameters.put([ParameterWrite(name="/iac/vpc/n00/runtime", value="{}")])
            return acquire(names, holder, seconds)

        monkeypatch.setattr(world.state, "acquire", deploy_first)
        with pytest.raises(Conflict):
            publish(world.workspace, prune=True)
        assert world.value("vpc/n00") == "{}"
        assert world.log.said[-1] == ("config_publish", "failed")


class TestConcurrency:
    def test_a_rival_write_is_a_conflict(self, world: World) -> None:
        """A version written between comparison and write is not overwritten; the failure is logged."""
        world.config("vpc/core", '{"a":1}')
        publish(world.workspace)
        world.config("vpc/core", '{"a":2}')
        world.parameters.before_put = lambda: world.put("vpc/core", '{"rival":1}')
        with pytest.raises(Conflict):
            publish(world.workspace)
        assert world.value("vpc/core") == '{"rival":1}'
        assert world.log.said[-2:] == [("config_publish", "started"), ("config_publish", "failed")]
        assert world.log.events_[-1].inputs["code"] == "conflict"
        assert world.state.held == {}

    def test_one_publisher_at_a_time(self, world: World) -> None:
        """While another holds the lease nothing is written or logged."""
        world.config("vpc/core", "{}")
        world.state.acquire(["parameters"], "other", 60)
        with pytest.raises(LeaseHeld):
            publish(world.workspace)
        assert (world.parameters.puts, world.log.said) == (0, [])


class TestLog:
    def test_intent_before_outcome_after(self, world: World) -> None:
        """The intent with its addresses stands before the first write, the outcome points back to it."""
        world.config("vpc/core", "{}")
        seen: list[list[tuple[str, str]]] = []
        world.parameters.before_put = lambda: seen.append(world.log.said)
        publish(world.workspace)
        assert set(map(tuple, seen)) == {(("config_publish", "started"),)}
        intent, outcome = world.log.events_
        assert intent.inputs == {"write": ["vpc/core"], "prune": []}
        assert (outcome.status, outcome.cause) == ("succeeded", intent.id)
        assert (intent.user, intent.source) == ("ann@example.org", "cli")

    def test_many_addresses_are_an_artifact(self, world: World) -> None:
        """An event stays small however many configs it is about; the addresses are in its artifact."""
        for number in range(201):
            world.config(f"vpc/n{number:03}", "{}")
        workspace = world.workspace
        publish(workspace)
        intent = world.log.events_[0]
        assert intent.inputs == {"write": 201, "prune": 0}
        kept = workspace.artifacts.get(intent.artifacts[0])
        assert kept is not None
        assert len(json.loads(kept)["write"]) == 201


BAD_CONFIGS: list[tuple[bytes, str, str]] = [
    (b'{"a":1,}', "invalid-json", ":1:8"),
    (b'{\n "a": 1,\n "a": 2}', "invalid-json", ":3:2"),
    (b'{"x":{"a":1},"y":[{"b":1,"b":2}]}', "invalid-json", ":1:26"),
    (b'{"a": NaN}', "invalid-json", ""),
    (b'{"a": 1e5000}', "invalid-json", ""),
    (b'{"a": ' + b"1" * 5000 + b"}", "invalid-json", ""),
    (b'{"a": "\\ud800"}', "invalid-json", ""),
    (b"\xef\xbb\xbf{}", "invalid-json", ":1:1"),
    (b'{"a": "\xff"}', "invalid-json", ":1:8"),
    (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid-json", ""),
    (b"\0\1\2binary", "invalid-json", ":1:1"),
    (b"", "invalid-json", ":1:1"),
    (b"[]", "not-an-object", ""),
    (b'"text"', "not-an-object", ""),
    (b"null", "not-an-object", ""),
    (b'{"a":"' + b"x" * 9000 + b'"}', "too-large", ""),
    (b'{"a":"' + b"x" * (1 << 20) + b'"}', "too-large", ""),
    (b'{"a":\n  "{{ssm:y}}"}', "parameter-reference", ":2:4"),
    (b'{"a":"\\u007b\\u007bssm:y}}"}', "parameter-reference", ""),
    (b'{"a":\n [{"$runtime":  "vpc/core"}]}', "invalid-reference", ":2:17"),
    (b'{"$runtime": "vpc/core#id"}', "invalid-reference", ":1:14"),
]


class TestBadConfigs:
    @pytest.mark.parametrize(("raw", "code", "place"), BAD_CONFIGS)
    def test_one_bad_config_stops_all(self, world: World, raw: bytes, code: str, place: str) -> None:
        """Each bad config ends in its code and place, and nothing at all is published."""
        world.config("vpc/good", "{}")
        world.config("vpc/bad", raw)
        with pytest.raises(ValidationFailed) as raised:
            publish(world.workspace)
        (finding,) = raised.value.facts["findings"]
        assert (finding["code"], finding["severity"], finding["component"]) == (code, "error", "vpc/bad")
        assert finding["pointer"].startswith("iac/dev/vpc/bad/config.json" + place)
        assert (world.parameters.puts, world.log.said) == (0, [])

    def test_all_are_reported_sorted(self, world: World) -> None:
        """Bad names, bad files and bad JSON are all said in one go, in order."""
        world.config("vpc/good", "{}")
        world.config("vpc/list", "[]")
        world.config("vpc/-rf", "{}")
        world.config("vpc/CORE", "{}")
        world.config("vpc/core", "{}")
        (world.root / "iac/dev/vpc/fifo").mkdir()
        os.mkfifo(world.root / "iac/dev/vpc/fifo/config.json")
        with pytest.raises(ValidationFailed) as raised:
            publish(world.workspace)
        codes = [finding["code"] for finding in raised.value.facts["findings"]]
        assert codes == ["invalid-name", "duplicate-address", "not-a-file", "not-an-object"]
        assert world.parameters.puts == 0

    @pytest.mark.parametrize("value", ["; rm -rf /", "`id`", '${file("/etc/passwd")}', "x').drop()//"])
    def test_values_are_data(self, world: World, value: str) -> None:
        """What would be a command elsewhere is published as the string that it is."""
        world.config("vpc/core", json.dumps({"a": value}))
        publish(world.workspace)
        assert json.loads(world.value("vpc/core") or "") == {"a": value}

    def test_a_config_gone_bad_after_a_publish(self, world: World) -> None:
        """The fast path does not hide a file that turned bad, nor forget it at the second run."""
        world.config("vpc/core", "{}")
        publish(world.workspace)
        world.config("vpc/core", "[]")
        for _ in range(2):
            with pytest.raises(ValidationFailed):
                publish(world.workspace)
        assert world.value("vpc/core") == "{}"


class TestBinding:
    @pytest.mark.parametrize("binding", ['{"environment":"dev"}', '{"name":"dev","extra":1}'])
    def test_this_environment(self, world: World, binding: str) -> None:
        """A binding that names this environment, by either key, lets it pass."""
        world.parameters.put([ParameterWrite(name="/iac/environment", value=binding)])
        world.config("vpc/core", "{}")
        assert publish(world.workspace).written == ("vpc/core",)

    @pytest.mark.parametrize(
        "binding", ['{"environment":"prod"}', '{"name":"prod"}', '{"environment":"prod","name":"dev"}', "{}"]
    )
    def test_another_environment(self, world: World, binding: str) -> None:
        """A binding that names another environment, or none, refuses everything."""
        world.config("vpc/core", "{}")
        publish(world.workspace)
        world.parameters.put([ParameterWrite(name="/iac/environment", value=binding)])
        world.config("vpc/core", '{"a":1}')
        for call in (publish, diff):
            with pytest.raises(Refused) as raised:
                call(world.workspace)
            assert raised.value.code == "environment-mismatch"
        assert world.value("vpc/core") == "{}"

    def test_the_first_publish_writes_it(self, world: World) -> None:
        """From then on another environment is refused under the prefix; nothing of it is written there."""
        world.config("vpc/core", "{}")
        assert publish(world.workspace, dry_run=True).written == ("vpc/core",)
        assert world.parameters.get("/iac/environment") is None
        publish(world.workspace)
        bound = world.parameters.get("/iac/environment")
        assert bound is not None
        assert bound.value == '{"environment":"dev"}'
        settings = replace(world.workspace.environment, name="prod")
        with pytest.raises(Refused, match="is not the environment prod") as raised:
            bind(replace(world.workspace, environment=settings))
        assert "a prefix of its own" in raised.value.next_step
        world.config("vpc/core", '{"a":1}')
        publish(world.workspace)
        again = world.parameters.get("/iac/environment")
        assert again is not None
        assert again.version == 1

    def test_of_two_that_bind_at_once_one_is_refused(self, world: World) -> None:
        """Another environment writes it between our look and our write."""
        world.config("vpc/core", "{}")
        world.parameters.before_put = lambda: world.parameters.put(
            [ParameterWrite(name="/iac/environment", value='{"environment":"prod"}')]
        )
        with pytest.raises(Refused) as raised:
            publish(world.workspace)
        assert raised.value.code == "environment-mismatch"
        assert world.parameters.get("/iac/vpc/core/config") is None

    def test_an_unreadable_binding(self, world: World) -> None:
        """A binding that is no JSON object is not taken for none."""
        world.parameters.put([ParameterWrite(name="/iac/environment", value="prod")])
        world.config("vpc/core", "{}")
        with pytest.raises(BadInput):
            publish(world.workspace)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=5).filter(lambda t: "{{" not in t),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
CONFIGS = st.dictionaries(st.sampled_from(["a", "b", "c-d"]), VALUES, max_size=3)
FLEETS = st.dictionaries(st.sampled_from(["vpc/a", "vpc/B", "vpc-x/a", "zone/a"]), CONFIGS, max_size=4)


@settings(max_examples=40, deadline=None)
@given(fleets=st.lists(FLEETS, min_size=1, max_size=3))
def test_publish_is_idempotent_and_leaves_no_difference(fleets: list[dict[str, object]]) -> None:
    """Whatever Git held before: after a pruning publish the store is Git, and a second one writes nothing."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        for fleet in fleets:
            for address in ["vpc/a", "vpc/B", "vpc-x/a", "zone/a"]:
                if address in fleet:
                    world.config(address, json.dumps(fleet[address], indent=1))
                elif (world.root / "iac/dev" / address / "config.json").exists():
                    world.remove(address)
            expected = diff(world.workspace)
            result = publish(world.workspace, prune=True)
            changed = [config.address for config in expected.changed]
            assert list(result.written) == sorted([*expected.added, *changed])
            assert result.pruned == expected.removed
            assert diff(world.workspace).empty
            again = publish(world.workspace, prune=True)
            assert (again.written, again.pruned, again.unchanged) == ((), (), tuple(sorted(fleet)))
            assert {address: json.loads(world.value(address) or "") for address in fleet} == fleet
