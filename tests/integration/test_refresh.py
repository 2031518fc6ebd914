"""A refresh on the real binary: what it leaves alone. That there is drift is told by a stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.drifting_terraform import DriftingTerraform, make_drifting
from tests.terraform_system import System, make_system


@pytest.fixture
def drifting(tmp_path: Path) -> DriftingTerraform:
    """The stand-in."""
    return make_drifting(tmp_path)


@pytest.fixture
def system(tmp_path: Path, drifting: DriftingTerraform) -> System:
    """A system on it."""
    return make_system(tmp_path, str(drifting.program))


def test_drift_is_reported_and_nothing_is_written(system: System, drifting: DriftingTerraform) -> None:
    """No lock, no state, no data directory of a deploy's, no plan that is kept."""
    job = system.job("box/one", config={"name": "a"})
    system.terraform.apply(job, system.terraform.plan(job))
    before = {
        path: path.read_bytes()
        for folder in ("state", "terraform/data")
        for path in sorted((system.root / folder).rglob("*"))
        if path.is_file()
    }
    drifting.drifted.touch()
    drifting.calls()
    report = system.terraform.refresh(job)
    assert [(r.address, r.change) for r in report.resources] == [
        ("aws_ssm_parameter.one", "changed"),
        ("aws_ssm_parameter.two", "deleted"),
    ]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert [p for p in (system.root / "terraform/private").rglob("*") if p.is_file()] == []
    calls = drifting.calls()
    planned = next(call for call in calls if call.startswith("plan"))
    assert {"-refresh-only", "-lock=false"} <= set(planned.split())
    assert not any(call.startswith("apply") for call in calls)


def test_it_does_not_wait_for_a_lock(system: System) -> None:
    """A state that somebody holds can be looked at."""
    job = system.job("box/one", config={"name": "a"})
    system.terraform.apply(job, system.terraform.plan(job))
    state = next((system.root / "state").rglob("terraform.tfstate"))
    lock = state.with_name(".terraform.tfstate.lock.info")
    held = {"ID": "1", "Operation": "OperationTypeApply", "Who": "somebody", "Path": str(state)}
    lock.write_text(json.dumps(held))
    assert system.terraform.refresh(job).resources == ()
    assert json.loads(lock.read_text()) == held
