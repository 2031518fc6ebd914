"""A bit of a stored parameter flips: its component is blocked and named, and the others go on."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_core.changes.record import Edit
from karma_core.checksum import checksum
from karma_core.errors import BadInput
from karma_core.records import ParameterWrite
from karma_core.use_cases.access.policy_in_force import read_in_force
from karma_core.use_cases.configs import publish as publishing
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.differing import Take
from karma_core.use_cases.configs.pull import pull
from karma_core.use_cases.configs.show import show
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, statuses
from tests.stored_system import StoredSystem

CONFIGS: dict[str, dict[str, Any]] = {
    "a_one": {"cidr": "10", "size": 1},
    "b_two": {"a_nickname": "one"},
    "c_free": {"x": 1},
}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[StoredSystem]:
    """Three deployed components on SQLite: b/two consumes a/one."""
    system = StoredSystem(tmp_path)
    system.publish(**CONFIGS)
    system.deploy()
    system.terraform.calls.clear()
    yield system
    system.close()


def flip(system: StoredSystem, name: str, old: str, new: str) -> None:
    """Change a stored value past Karma, as a disk would: no version moves."""
    with sqlite3.connect(system.root / "parameters.sqlite") as store:
        changed = store.execute(
            "UPDATE parameter SET value = replace(value, ?, ?) WHERE name = ?", (old, new, name)
        )
        assert changed.rowcount == 1
    store.close()


def findings(system: StoredSystem) -> dict[str, str]:
    """Component → code of the findings of a plan on what is damaged."""
    found = plan(system.workspace, ALL).findings
    return {f.component: f.code for f in found if f.code in {"parameter-damaged", "runtime-unreadable"}}


def test_a_key_of_a_config(system: StoredSystem) -> None:
    """Nothing is destroyed or created by it; who does not need the component is deployed."""
    flip(system, "/iac/a/one/config", "cidr", "cidq")
    assert findings(system)["a/one"] == "parameter-damaged"
    system.configure(c_free={"x": 2})
    result = system.deploy()
    assert statuses(result)["a/one"] == "blocked"
    assert statuses(result)["c/free"] == "applied"
    assert system.applies() == ["c/free"]


def test_a_runtime(system: StoredSystem) -> None:
    """It is written anew with its component, which the plan says; no value of it reaches an apply."""
    name = "/iac/a/one/runtime"
    before = system.parameters.get(name)
    flip(system, name, '"10"', '"11"')
    assert findings(system)["a/one"] == "runtime-unreadable"
    shown = {one.address: one for one in plan(system.workspace, ALL).components}
    assert (shown["a/one"].action, shown["b/two"].action) == ("update", "cut_off")
    assert "a/one/runtime is damaged" in shown["a/one"].reason
    only = system.deploy(Selection(targets=("b/two",)))
    assert statuses(only)["b/two"] == "blocked"
    result = system.deploy()
    assert system.applies() == []
    assert statuses(result) == {"a/one": "applied", "b/two": "cut_off", "c/free": "unchanged"}
    after = system.parameters.get(name)
    assert before is not None
    assert after is not None
    assert (after.value, findings(system)) == (before.value, {})


def test_any_bit_of_any_value(system: StoredSystem) -> None:
    """Seeded: whatever flips, nothing is applied, and the component is named; a runtime is set right."""
    seeded = random.Random(7)
    names = [f"/iac/{address}/{kind}" for address in ("a/one", "c/free") for kind in ("config", "runtime")]
    for number in range(40):
        name = seeded.choice(names)
        held = system.parameters.get(name)
        assert held is not None
        assert held.value is not None
        place, bit = seeded.randrange(len(held.value)), seeded.randrange(7)
        flipped = held.value[:place] + chr(ord(held.value[place]) ^ 1 << bit) + held.value[place + 1 :]
        flip(system, name, held.value, flipped)
        component = "/".join(name.split("/")[2:4])
        assert component in findings(system), (number, name, flipped)
        system.deploy()
        assert system.applies() == []
        set_right = system.parameters.get(name)
        assert set_right is not None
        assert (set_right.value == held.value) == name.endswith("/runtime"), (number, name, flipped)
        flip(system, name, flipped, held.value)
    assert findings(system) == {}


def test_a_config_is_set_right_from_git(system: StoredSystem) -> None:
    """A publish that reads everything writes it anew, once."""
    flip(system, "/iac/a/one/config", "cidr", "cidq")
    assert publishing.publish(system.workspace, reread=True).written == ("a/one",)
    assert publishing.publish(system.workspace, reread=True).written == ()
    assert findings(system) == {}
    system.deploy()
    assert system.applies() == []


def test_damage_is_not_handed_on(system: StoredSystem) -> None:
    """Neither shown as a config, nor pulled into Git."""
    flip(system, "/iac/a/one/config", "cidr", "cidq")
    with pytest.raises(BadInput) as caught:
        show(system.workspace, "a/one")
    assert caught.value.code == "parameter-damaged"
    assert pull(system.workspace).pulled == ()


def test_damage_is_never_merged(system: StoredSystem) -> None:
    """What a change wrote and a disk damaged is held where Git was edited elsewhere: it stays as it is."""
    name, edited = "/iac/a/one/config", {"cidr": "10", "size": 7}
    held = system.parameters.get(name)
    assert held is not None
    edit = Edit(address="a/one", before=CONFIGS["a_one"], base_version=held.version, after=edited)
    config_set.write(system.workspace, "change-1", [edit], None)
    flip(system, name, "cidr", "cidq")
    (system.root / "iac/test/a/one/config.json").write_text('{"cidr":"10","size":1,"more":true}')
    result = publishing.publish(system.workspace, reread=True)
    assert (result.written, result.diverged) == ((), ("a/one",))
    assert findings(system)["a/one"] == "parameter-damaged"
    git = Take(git=frozenset({"a/one"}))
    assert publishing.publish(system.workspace, reread=True, take=git).written == ("a/one",)
    assert findings(system) == {}


def test_what_is_written_by_hand_counts(system: StoredSystem) -> None:
    """Also under the description that was there: it is another version."""
    name = "/iac/a/one/config"
    held = system.parameters.get(name)
    assert held is not None
    by_hand = {"value": '{"cidr":"20","size":1}', "version": held.version + 1}
    with sqlite3.connect(system.root / "parameters.sqlite") as store:
        store.execute(
            "UPDATE parameter SET value = :value, version = :version WHERE name = :name",
            by_hand | {"name": name},
        )
    store.close()
    assert findings(system) == {}
    system.deploy()
    assert system.applies() == ["a/one", "b/two"]


def test_a_damaged_policy_stops_everything(system: StoredSystem) -> None:
    """It is never taken for what it says now."""
    name, value = "/iac/_policy", '{"identities":{},"policy":{"approvers":["ann"]},"types":{}}'
    description = f"Policy of test, published by change C1 (check={checksum(name, 1, value)})"
    system.parameters.put([ParameterWrite(name=name, value=value, description=description)])
    assert read_in_force(system.workspace) is not None
    flip(system, name, "ann", "anm")
    with pytest.raises(BadInput) as caught:
        read_in_force(system.workspace)
    assert caught.value.code == "policy-unreadable"
