"""Changes by the command line, on real Terraform: failure and rollback, a cone, promotion."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.boxes import config, make_project, request, runtime
from tests.e2e.command_line import Karma, write_config


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Karma:
    """A project with one deployed box; not to be changed."""
    return make_project(tmp_path_factory.mktemp("boxes"), {"box/one": {"size": 1}})


def test_a_declined_run_is_a_document_too(boxes: Karma) -> None:
    """Without an answer nothing is applied, and --json says so; a plan of a destroy is not for a deploy."""
    asked = boxes.json("destroy", "box", "one", code=4)
    assert (asked["status"], asked["run_id"], asked["components"]) == ("declined", None, [])
    planned = boxes.json("plan", "--destroy", "box", "one")["plan_id"]
    refused = boxes.refuses("deploy", "--plan", planned, "--auto-approve", code=4)
    assert (refused.error["code"], "karma destroy" in refused.error["next"]) == ("plan-outdated", True)
    assert runtime(boxes, "box/one")["size"] == 1


CONFIGS = {"box/one": {"size": 1}, "box/two": {"box_nickname": "one", "size": 1}}
BREAK = {"component": "box/one", "proposed_change": {"size": 2, "broken": True}}


def of_change(karma: Karma, change_id: str, action: str) -> list[tuple[str, str]]:
    """(component, status) of a change's events of an action."""
    events = karma.json("log", "list", "--limit", "1000")
    return [
        (e["component"], e["status"]) for e in events if (e["action"], e["change_id"]) == (action, change_id)
    ]


def test_a_failed_change_is_rolled_back_where_the_policy_says_so(tmp_path: Path) -> None:
    """The consumer is not started; the old config is written and deployed again; the call ends with 1."""
    karma = make_project(tmp_path, CONFIGS, '[policy]\non_failure = "roll_back"\n')
    result = request(karma, BREAK, "--auto-approve", code=1)
    assert result["status"] == "rolled_back"
    assert of_change(karma, result["change_id"], "terraform_apply") == [
        ("box/one", "started"),
        ("box/one", "failed"),
    ]
    assert (config(karma, "box/one"), runtime(karma, "box/one")["size"]) == ({"size": 1}, 1)
    shown = karma.json("change", "show", result["change_id"])
    assert "box/one failed" in shown["why"]
    changes = karma.json("change", "list")
    assert [c["status"] for c in changes] == ["applied", "rolled_back"]
    assert karma.json("deploy", "--all", "--auto-approve")["status"] == "succeeded"


def test_by_default_configs_are_kept_until_somebody_decides(tmp_path: Path) -> None:
    """The state is said, and the whole cone goes back to its last good versions, shown first."""
    karma = make_project(tmp_path, CONFIGS)
    result = request(karma, BREAK, "--auto-approve", code=1)
    assert result["status"] == "failed"
    assert config(karma, "box/one") == BREAK["proposed_change"]
    dry = karma.json("change", "rollback", "--cone", "box/one", "--dry-run")
    assert dry["plan"]["components"][0]["action"] == "update"
    assert config(karma, "box/one") == BREAK["proposed_change"]
    back = karma.json("change", "rollback", "--cone", "box/one", "--auto-approve")
    assert back["status"] == "applied"
    assert (config(karma, "box/one"), runtime(karma, "box/one")["size"]) == ({"size": 1}, 1)
    assert karma.json("change", "show", result["change_id"])["status"] == "rolled_back"


@pytest.mark.parametrize(
    "words", [(), ("an-id", "--cone", "box/one"), ("--cone", "box/one", "--include-later")]
)
def test_what_to_roll_back_has_to_be_clear(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A change or a cone, never both."""
    (tmp_path / "karma.toml").write_text("[environments.dev]\n")
    assert Karma(tmp_path, env="dev").refuses("change", "rollback", *words, code=2).error["code"] == "usage"


FREEZE = '[[policy.freeze]]\nreason = "the sale"\ndays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'


def test_an_apply_of_everything_says_what_stays_approved(tmp_path: Path) -> None:
    """In a freeze it applies nothing, names what waits and why, and ends with 4."""
    karma = make_project(tmp_path, {"box/one": {"size": 1}})
    made = request(karma, {"component": "box/one", "proposed_change": {"size": 2}}, code=4)
    settings = tmp_path / "karma.toml"
    before = settings.read_text()
    settings.write_text(before + FREEZE)
    held = karma.run("apply")
    assert held.code == 4
    assert f"warning: change {made['change_id']} stays approved: the sale (UTC)" in held.err
    settings.write_text(before)
    assert karma.run("apply").code == 0
    assert config(karma, "box/one") == {"size": 2}


# -- promotion ------------------------------------------------------------------------------------------

PROD = '[environments.prod.policy]\nprotected = ["box/one"]\n'
PROMOTE = ("change", "promote", "box", "one", "--from", "dev", "--to", "prod")


def test_a_config_is_promoted_as_a_change_of_the_target(tmp_path: Path) -> None:
    """The target's policy decides, the difference is shown, and what is kept there stays."""
    dev = make_project(tmp_path, {"box/one": {"size": 3, "zone": "d"}}, PROD)
    prod = Karma(tmp_path, env="prod")
    made = dev.json(*PROMOTE, code=4)
    assert made["status"] == "awaiting_approval"
    assert "promoted from dev, version 1" in prod.run("change", "show", made["change_id"]).out
    prod.json("change", "approve", made["change_id"])
    assert prod.json("apply", made["change_id"])["status"] == "applied"
    assert runtime(prod, "box/one")["size"] == 3

    request(dev, {"component": "box/one", "proposed_change": {"size": 4, "zone": "e"}}, "--auto-approve")
    dry = dev.run(*PROMOTE, "--keep", "zone", "--dry-run")
    assert (dry.code, "/size" in dry.out, "/zone" in dry.out) == (0, True, False)
    again = dev.json(*PROMOTE, "--keep", "zone", code=4)
    prod.json("change", "approve", again["change_id"])
    prod.json("apply", again["change_id"])
    assert config(prod, "box/one") == {"size": 4, "zone": "d"}
    assert dev.refuses(*PROMOTE, "--only", "size", code=4).error["code"] == "nothing-to-promote"
    event = next(e for e in prod.json("log", "list") if e["change_id"] == again["change_id"])
    assert event["inputs"]["promoted_from"] == {"environment": "dev", "version": 2, "deployed": True}


def test_what_points_into_the_source_is_not_promoted(tmp_path: Path) -> None:
    """The judgement is the target's: a reference to the other environment's parameters is rejected there."""
    dev = make_project(tmp_path, {"box/one": {"reads": "/dev/box/two/runtime"}, "box/two": {}})
    rejected = dev.json(*PROMOTE, code=4)
    assert {f["code"] for f in rejected["findings"]} == {"cross-environment"}


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("box", "none", "--from", "dev", "--to", "prod"), "not-found", 1),
        (("box", "one", "--from", "dev", "--to", "dev"), "usage", 2),
        (("box", "one", "--from", "dev", "--to", "stage"), "not-found", 1),
        (("box", "one", "--from", "dev", "--to", "prod", "--keep", "typo"), "usage", 2),
        (("box", "../one", "--from", "dev", "--to", "prod"), "invalid-name", 2),
    ],
)
def test_a_promotion_that_makes_no_sense_is_refused(
    boxes: Karma, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    """A misspelt name never changes anything."""
    assert boxes.refuses("change", "promote", *words, code=exit_code).error["code"] == code


# -- from Git -------------------------------------------------------------------------------------------


def test_what_needs_an_approval_goes_from_git_as_a_change(tmp_path: Path) -> None:
    """Refused as a plain publish; requested, approved by another, applied; then Git and store agree.

    Both are proven by tokens: a name in KARMA_USER neither requests nor approves, nor does a revoked token.
    """
    karma = make_project(tmp_path, CONFIGS)
    with (tmp_path / "karma.toml").open("a") as file:
        file.write("\n[policy]\nrequire_approval = true\ndistinct_approver = true\n")
    write_config(tmp_path, "dev", "box/one", '{"size": 2}')
    assert karma.refuses("config", "publish", code=4).error["code"] == "approval-needed"
    assert karma.json("config", "publish", "--dry-run")["needs"] == ["every change needs one"]
    ann, lead, gone = (
        karma.json("token", "create", u, "--role", "approver") for u in ("ann", "lead", "gone")
    )
    karma.json("token", "revoke", gone["id"])
    release = ("config", "publish", "--as-change", "--reason", "release")
    for words in ((*release, "--reread"), (*release, "--yes"), ("config", "publish", "--auto-approve")):
        assert "has no effect" in karma.refuses(*words, code=2).error["message"]
    assert karma.refuses(*release, code=4, KARMA_USER="ann").error["code"] == "identity-unproven"
    asked = karma.json(*release, code=4, KARMA_TOKEN=ann["token"])
    assert asked["status"] == "awaiting_approval"
    approve = ("change", "approve", asked["change_id"])
    for code, given in (
        ("not-approver", {"KARMA_TOKEN": ann["token"]}),
        ("identity-unproven", {"KARMA_USER": "lead"}),
        ("token-not-recognised", {"KARMA_USER": "lead", "KARMA_TOKEN": gone["token"]}),
    ):
        assert karma.refuses(*approve, code=4, **given).error["code"] == code
    karma.json(*approve, KARMA_TOKEN=lead["token"])
    assert karma.json("apply", asked["change_id"])["status"] == "applied"
    assert runtime(karma, "box/one")["size"] == 2
    again = karma.json("config", "publish")
    assert (again["written"], again["ahead_of_git"]) == ([], [])
    steps = karma.json("why", "box/one")
    assert any("release" in step["because"] for step in steps)
    (told,) = karma.json("log", "diff", "--before", "2020-01-01", "--after", "2100-01-01")["changes"]
    assert (told["change_id"], told["last_status"]) == (asked["change_id"], "applied")
    nodes = karma.json("graph", "query", "changes", "box/one")["nodes"]
    assert asked["change_id"] in {node["id"] for node in nodes}
