"""Everything is lost, and a backup brings it back: on the embedded stores, with real Terraform."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from threading import Thread

import pytest

from tests.e2e.boxes import make_project
from tests.e2e.command_line import ROOT, Karma, edit_config

pytestmark = pytest.mark.timeout(600)
CONFIGS = {"box/a": {"x": 1}, "box/b": {"y": 2, "box_nickname": "a"}, "box/c": {"z": 3}}


@pytest.fixture
def karma(tmp_path: Path) -> Karma:
    """A project with three deployed boxes."""
    return make_project(tmp_path, CONFIGS)


def lose_everything(karma: Karma) -> None:
    """Delete whatever Karma keeps."""
    shutil.rmtree(karma.project / ".karma")


def actions(karma: Karma) -> dict[str, str]:
    """Address → action of a plan of everything."""
    return {found["address"]: found["action"] for found in karma.json("plan", "--all")["components"]}


def boxes(karma: Karma) -> dict[str, str]:
    """Address → id of its resource, by the states."""
    found = {}
    for address in CONFIGS:
        state = karma.project / ".karma" / karma.env / "tfstate" / address / "terraform.tfstate"
        (resource,) = json.loads(state.read_bytes())["resources"]
        found[address] = resource["instances"][0]["attributes"]["id"]
    return found


def test_everything_lost(karma: Karma) -> None:
    """After the restore nothing would change, the log is intact, and the next deploy goes on from there."""
    before = boxes(karma)
    taken = karma.json("backup", "--to", "b.zip")
    assert taken["counts"]["terraform_states"] == 3
    lose_everything(karma)
    karma.json("restore", "b.zip")
    assert actions(karma) == dict.fromkeys(CONFIGS, "no-op")
    assert karma.json("plan", "--all", "--detailed-exitcode")["components"]
    assert karma.json("log", "verify")["verified"]
    assert boxes(karma) == before
    edit_config(karma.project, karma.env, "box/c", z=4)
    karma.json("config", "publish")
    karma.json("deploy", "--changed", "--auto-approve")
    assert boxes(karma) == before
    assert [event["status"] for event in karma.json("log", "grep", "--action", "restore")] == [
        *("started", "succeeded"),
    ]


def test_the_worked_example_of_the_page(karma: Karma) -> None:
    """docs/backup.md, line by line: each ends with 0, the plan with no changes."""
    page = (ROOT / "docs" / "backup.md").read_text("utf-8")
    example = page.split("## A worked example")[1].split("```sh\n")[1].split("```")[0]
    lines = [shlex.split(line) for line in example.splitlines()]
    for program, *words in lines:
        if program == "karma":
            ran = karma.run(*words)
            assert ran.code == 0, (words, ran.out, ran.err)
        else:
            assert [program, *words] == ["rm", "-rf", ".karma"]
            lose_everything(karma)
    assert [words[1] for words in lines].count("restore") == 1


def test_what_is_lost_besides(karma: Karma) -> None:
    """The modules' archive, too: a component whose module is nowhere else can still be destroyed."""
    karma.json("backup", "--to", "b.zip")
    lose_everything(karma)
    shutil.rmtree(karma.project / "components")
    shutil.rmtree(karma.project / "iac")
    (karma.project / "iac" / "dev").mkdir(parents=True)
    karma.json("restore", "b.zip")
    destroyed = karma.json("destroy", "box", "c", "--auto-approve")
    assert [found["status"] for found in destroyed["components"]] == ["destroyed"]


def test_a_backup_is_refused_where_it_does_not_fit(karma: Karma) -> None:
    """With the exit code of a refusal, or of bad input; nothing is written."""
    karma.json("backup", "--to", "b.zip")
    assert karma.refuses("restore", "b.zip", code=4).error["code"] == "stores-not-empty"
    assert karma.refuses("backup", "--to", "b.zip", code=4).error["code"] == "backup-exists"
    assert karma.refuses("backup", "--to", "nowhere/b.zip", code=2).error["code"] == "usage"
    other = Karma(karma.project, env="prod")
    assert other.refuses("restore", "b.zip", code=4).error["code"] == "backup-elsewhere"
    (karma.project / "b.zip").write_bytes((karma.project / "b.zip").read_bytes()[:-100])
    assert karma.refuses("restore", "b.zip", code=3).error["code"] == "backup-damaged"


def test_taken_while_a_deploy_works(karma: Karma) -> None:
    """Whatever moment a backup is of: after its restore nothing is made twice, and nothing is destroyed."""
    before = boxes(karma)
    for address in CONFIGS:
        edit_config(karma.project, karma.env, address, more=1)
    karma.json("config", "publish")
    working = Thread(target=lambda: karma.run_by_itself("deploy", "--all", "--auto-approve"))
    working.start()
    taken = []
    while working.is_alive() and len(taken) < 6:
        taken.append(f"{len(taken)}.zip")
        karma.json("backup", "--to", taken[-1])
    working.join()
    after = boxes(karma)
    assert after == before, "the boxes are updated in place"
    for name in taken:
        lose_everything(karma)
        karma.json("restore", name)
        found = karma.json("plan", "--all")
        made = {c["address"]: (c["add"], c["destroy"]) for c in found["components"]}
        assert made == dict.fromkeys(CONFIGS, (0, 0)), (name, json.dumps(found))
        assert karma.json("log", "verify")["verified"]
