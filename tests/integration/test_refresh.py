"""A refresh on the real binary: what it leaves alone. That there is drift is told by a stand-in.

The providers that come with Terraform have nothing outside that could drift; `show` of the stand-in gives
what was recorded from the AWS provider, everything else is the real program.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.terraform_system import System, make_system

RECORDED = Path(__file__).parents[1] / "unit/karma_adapters/terraform/recorded/refresh.json"
STAND_IN = """#!/bin/sh
printf '%s\\n' "$*" >> {calls}
if [ "$1" = show ] && [ -e {drifted} ]; then exec cat {recorded}; fi
{terraform} "$@"
code=$?
if [ "$1" = plan ] && [ -e {drifted} ]; then exit 2; fi
exit $code
"""


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system on the stand-in; the file `drifted` turns it on."""
    terraform = shutil.which("terraform")
    assert terraform is not None, f"no terraform for {sys.executable}"
    program = tmp_path / "terraform-stand-in"
    places = {"calls": tmp_path / "calls", "drifted": tmp_path / "drifted", "recorded": RECORDED}
    quoted = {name: shlex.quote(str(path)) for name, path in places.items()}
    program.write_text(STAND_IN.format(terraform=shlex.quote(terraform), **quoted))
    program.chmod(0o755)
    return make_system(tmp_path, str(program))


def test_drift_is_reported_and_nothing_is_written(system: System) -> None:
    """No lock, no state, no data directory of a deploy's, no plan that is kept."""
    job = system.job("box/one", config={"name": "a"})
    system.terraform.apply(job, system.terraform.plan(job))
    before = {
        path: path.read_bytes()
        for folder in ("state", "terraform/data")
        for path in sorted((system.root / folder).rglob("*"))
        if path.is_file()
    }
    (system.root / "drifted").touch()
    (system.root / "calls").unlink()
    report = system.terraform.refresh(job)
    assert [(r.address, r.change) for r in report.resources] == [
        ("aws_ssm_parameter.one", "changed"),
        ("aws_ssm_parameter.two", "deleted"),
    ]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert [p for p in (system.root / "terraform/private").rglob("*") if p.is_file()] == []
    calls = (system.root / "calls").read_text().splitlines()
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
