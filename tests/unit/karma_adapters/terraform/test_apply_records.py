"""Records of applies: what is in doubt after a death, what is settled, what still runs."""

from __future__ import annotations

import fcntl
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import apply_records
from karma_adapters.terraform.apply_records import ApplyRecords
from karma_core.errors import BadInput

BOX = "box/a"
RESOURCE = {
    "addr": "box.one",
    "module": "",
    "resource_type": "box",
    "resource_name": "one",
    "resource_key": None,
}
BEGUN = json.dumps({"type": "apply_start", "hook": {"resource": RESOURCE, "action": "create"}})
PLANNED = json.dumps({"type": "planned_change", "change": {"resource": RESOURCE, "action": "create"}})


class Place:
    """Records, and the state that they see."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = root / "applies"
        self.states: dict[str, dict[str, Any]] = {}
        self.records = ApplyRecords(self.directory, self.states.get)
        self._monkeypatch = monkeypatch

    def die(self, *lines: str, address: str = BOX) -> Path:
        """An apply that wrote these lines and was killed with its Karma."""
        with self._monkeypatch.context() as patch:
            patch.setattr(apply_records.shutil, "rmtree", lambda *_a, **_k: None)
            with self.records.recorded(address) as folder:
                (folder / "out").write_text("\n".join(lines))
        return folder

    def hold(self, identity: str | None, *, status: str = "") -> None:
        """Let the state have the resource, as it is with this id."""
        instance = {"attributes": {"id": identity}, "status": status}
        resource = {"mode": "managed", "type": "box", "name": "one", "instances": [instance]}
        self.states[BOX] = {"resources": [resource] if identity else []}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Nothing was applied."""
    return Place(tmp_path, monkeypatch)


def test_an_apply_that_ends_well_leaves_nothing(place: Place) -> None:
    """Its folder holds secrets: nobody else can read it, and it is gone when everything is in the state."""
    with place.records.recorded(BOX) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700
        (folder / "out").write_text(BEGUN)
        place.hold("1")
    assert list(place.directory.iterdir()) == []
    assert place.records.maybe_created(BOX) == ()


def test_what_began_and_is_not_in_the_state_is_in_doubt(place: Place) -> None:
    """Until the state has it, whole or tainted, or somebody accepts it; other components are in none."""
    place.die(BEGUN)
    assert place.records.maybe_created(BOX) == ("box.one",)
    assert place.records.every_address() == [BOX]
    assert place.records.maybe_created("box/b") == ()
    place.hold("1", status="tainted")
    assert place.records.maybe_created(BOX) == ()
    place.hold(None)
    place.records.forget(BOX)
    assert place.records.maybe_created(BOX) == ()
    assert list(place.directory.iterdir()) == []


def test_resources_by_the_addresses_that_terraform_writes(place: Place) -> None:
    """Modules, numbers and texts as keys; empty where the state has nothing of that name."""
    instances = [{"index_key": key, "attributes": {"id": str(key)}} for key in (0, 'a"b', "${x}")]
    many = {"module": 'module.net["x"]', "mode": "managed", "type": "box", "name": "many"}
    place.hold("1")
    place.states[BOX]["resources"].append({**many, "instances": instances})
    keyed = ["[0]", '["a\\"b"]', '["$${x}"]']
    names = ["box.one", *(f'module.net["x"].box.many{key}' for key in keyed), "box.two"]
    found = place.records.digests(BOX, names)
    assert [name for name in names if not found[name]] == ["box.two"]
    before = found["box.one"]
    place.hold("2")
    assert place.records.digests(BOX, ["box.one"])["box.one"] not in {"", before}


def test_the_place_is_one_folder_on_one_machine(place: Place, tmp_path: Path) -> None:
    """The same ever after, and another one elsewhere; what is recorded stays by itself."""
    first = place.records.place()
    assert first == place.records.place() != ApplyRecords(tmp_path / "other", place.states.get).place()
    assert not place.directory.exists()


def test_a_damaged_state_has_nothing(place: Place) -> None:
    """What was killed while it wrote its state may have made everything that it began; so it is named."""
    folder = place.die(BEGUN)

    def damaged(_address: str) -> None:
        raise BadInput("the state cannot be read", code="state-unreadable")

    records = ApplyRecords(place.directory, damaged)
    assert records.maybe_created(BOX) == ("box.one",)
    records.drop_settled(BOX)
    assert folder.exists()


def test_the_resource_that_was_to_be_replaced_is_not_the_new_one(place: Place) -> None:
    """A state that was not saved in between still has the old one: the new one is in doubt all the same."""
    place.hold("old")
    place.die(BEGUN)
    assert place.records.maybe_created(BOX) == ("box.one",)
    place.hold("new")
    assert place.records.maybe_created(BOX) == ()


def test_after_a_stop_of_the_machine_all_that_was_planned_is_in_doubt(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last lines may not have reached the disk."""
    place.die(PLANNED)
    assert place.records.maybe_created(BOX) == ()
    monkeypatch.setattr(apply_records, "_boot", lambda: "another")
    assert place.records.maybe_created(BOX) == ("box.one",)


def test_settled_records_are_dropped_and_others_kept(place: Place) -> None:
    """A Terraform that saved everything after its Karma's death leaves a record that says nothing more."""
    doubtful = place.die(BEGUN, address="box/b")
    place.die(BEGUN)
    place.hold("1")
    place.records.drop_settled(BOX)
    place.records.drop_settled("box/b")
    assert list(place.directory.iterdir()) == [doubtful]


def test_an_apply_that_runs_on_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output is locked by whoever writes it. Until it ends nothing is in doubt, nothing is dropped."""
    folder = place.die(BEGUN)
    said: list[int] = []
    with (folder / "out").open("ab") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        assert place.records.running(BOX)
        assert place.records.maybe_created(BOX) == ()
        place.records.forget(BOX)
        place.records.drop_settled(BOX)
        assert not place.records.wait(BOX, 0.3, said.append)
    assert said == [0]
    assert place.records.wait(BOX, 0, said.append)
    assert place.records.maybe_created(BOX) == ("box.one",)


def test_an_apply_whose_karma_lives_is_its_own_affair(place: Place) -> None:
    """A plan beside it neither waits for it nor doubts it; the lock on the state is between them."""
    with place.records.recorded(BOX) as folder:
        (folder / "out").write_text(BEGUN)
        assert not place.records.running(BOX)
        assert place.records.maybe_created(BOX) == ()
        place.records.drop_settled(BOX)
        assert folder.is_dir()
