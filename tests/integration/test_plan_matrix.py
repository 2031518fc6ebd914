"""The plan of a whole cone, on real Terraform, held against what the deploy then does.

Each case says what a plan of a change must say of every component, before anything is applied; then the
change is deployed, and nothing may happen that the plan had excluded.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from tests.small_systems import APP, NET, Case, SmallSystem

ALL = Selection(everything=True)
NET1 = {"net/n": {"cidr": "10.0.0.0/16"}}
CHAIN = {**NET1, "app/a": {"net_nickname": "n"}, "url/u": {"app_nickname": "a"}}
DIAMOND = {
    **NET1,
    "app/a": {"net_nickname": "n"},
    "app/b": {"net_nickname": "n"},
    "leaf/l": {"depends_on": ["app/a", "app/b"]},
}


def net(**more: object) -> dict[str, object]:
    """A net's config."""
    return {"cidr": "10.0.0.0/16", **more}


CASES = [
    Case(
        "everything is new, so ids are unknown",
        {},
        CHAIN,
        {"net/n": "create", "app/a": "create", "url/u": "create"},
        unknown={"app/a": ("net/n.id",), "url/u": ()},
    ),
    Case("nothing changes", CHAIN, {}, dict.fromkeys(CHAIN, "no-op")),
    Case(
        "a known new value runs down the chain",
        CHAIN,
        {"net/n": net(cidr="10.9.0.0/16")},
        {"net/n": "update", "app/a": "update", "url/u": "update"},
    ),
    Case(
        "a value that nobody consumes cuts everything off",
        CHAIN,
        {"net/n": net(note="x")},
        {"net/n": "update", "app/a": "cut_off", "url/u": "cut_off"},
    ),
    Case(
        "a replaced producer makes its id unknown, and the next consumer is cut off",
        CHAIN,
        {"net/n": net(generation=2)},
        {"net/n": "replace", "app/a": "update", "url/u": "cut_off"},
        unknown={"app/a": ("net/n.id",)},
    ),
    Case(
        "its own change in the middle of a chain",
        CHAIN,
        {"app/a": {"net_nickname": "n", "size": 2}},
        {"net/n": "no-op", "app/a": "update", "url/u": "cut_off"},
    ),
    Case(
        "a change at the end of a chain",
        CHAIN,
        {"url/u": {"app_nickname": "a", "x": 1}},
        {"net/n": "no-op", "app/a": "no-op", "url/u": "no-op"},
    ),
    Case(
        "an own cause wins over a cut-off",
        CHAIN,
        {"net/n": net(note="x"), "app/a": {"net_nickname": "n", "size": 3}},
        {"net/n": "update", "app/a": "update", "url/u": "cut_off"},
    ),
    Case(
        "a diamond, new value",
        DIAMOND,
        {"net/n": net(cidr="10.1.0.0/16")},
        {"net/n": "update", "app/a": "update", "app/b": "update", "leaf/l": "update"},
    ),
    Case(
        "a diamond, one side changes",
        DIAMOND,
        {"app/b": {"net_nickname": "n", "size": 9}},
        {"net/n": "no-op", "app/a": "no-op", "app/b": "update", "leaf/l": "update"},
    ),
    Case(
        "a diamond, nothing consumed changes",
        DIAMOND,
        {"net/n": net(note="y")},
        {"net/n": "update", "app/a": "cut_off", "app/b": "cut_off", "leaf/l": "cut_off"},
    ),
    Case(
        "a fan-out, part of it is cut off",
        {
            **NET1,
            "app/a": {"net_nickname": "n"},
            "counted/c": {"net_nickname": "n"},
            "replaced-by/r": {"net_nickname": "n"},
        },
        {"net/n": net(zones=["a", "b"])},
        {"net/n": "update", "app/a": "cut_off", "counted/c": "update", "replaced-by/r": "cut_off"},
    ),
    Case(
        "a known count grows",
        {**NET1, "counted/c": {"net_nickname": "n"}},
        {"net/n": net(zones=["a", "b", "c"])},
        {"net/n": "update", "counted/c": "update"},
    ),
    Case(
        "a known count shrinks",
        {"net/n": net(zones=["a", "b"]), "counted/c": {"net_nickname": "n"}},
        {"net/n": net(zones=["a"])},
        {"net/n": "update", "counted/c": "update"},
    ),
    Case(
        "an unknown for_each defers",
        {**NET1, "by-seen/s": {"net_nickname": "n"}},
        {"net/n": net(cidr="10.2.0.0/16")},
        {"net/n": "update", "by-seen/s": "deferred"},
        unknown={"by-seen/s": ("net/n.seen",)},
    ),
    Case(
        "what needs a deferred component is deferred",
        {**NET1, "by-seen/s": {"net_nickname": "n"}, "leaf/l": {"depends_on": ["by-seen/s"]}},
        {"net/n": net(cidr="10.3.0.0/16"), "leaf/l": {"depends_on": ["by-seen/s"], "x": 1}},
        {"net/n": "update", "by-seen/s": "deferred", "leaf/l": "deferred"},
    ),
    Case(
        "an unknown id replaces its consumer",
        {**NET1, "replaced-by/r": {"net_nickname": "n"}},
        {"net/n": net(generation=2)},
        {"net/n": "replace", "replaced-by/r": "replace"},
        unknown={"replaced-by/r": ("net/n.id",)},
    ),
    Case(
        "an unchanged id does not",
        {**NET1, "replaced-by/r": {"net_nickname": "n"}},
        {"net/n": net(cidr="10.4.0.0/16")},
        {"net/n": "update", "replaced-by/r": "cut_off"},
    ),
    Case(
        "a new consumer of a deployed producer",
        NET1,
        {"app/a": {"net_nickname": "n"}},
        {"net/n": "no-op", "app/a": "create"},
        unknown={"app/a": ()},
    ),
    Case(
        "a new consumer of a changing producer",
        NET1,
        {"net/n": net(cidr="10.5.0.0/16"), "app/a": {"net_nickname": "n"}},
        {"net/n": "update", "app/a": "create"},
    ),
    Case(
        "a consumer moves to another producer",
        {**CHAIN, "net/m": {"cidr": "10.7.0.0/16"}},
        {"app/a": {"net_nickname": "m"}},
        {"net/m": "no-op", "net/n": "no-op", "app/a": "update", "url/u": "update"},
    ),
    Case(
        "a consumer moves to a new producer",
        CHAIN,
        {"net/m": {"cidr": "10.8.0.0/16"}, "app/a": {"net_nickname": "m"}},
        {"net/m": "create", "net/n": "no-op", "app/a": "update", "url/u": "update"},
        unknown={"app/a": ("net/m.id",)},
    ),
    Case(
        "a removed consumer is not planned",
        {**NET1, "app/a": {"net_nickname": "n"}},
        {"app/a": None},
        {"net/n": "no-op"},
    ),
    Case(
        "a renamed component is a new one",
        {**NET1, "app/a": {"net_nickname": "n"}},
        {"app/a": None, "app/z": {"net_nickname": "n"}},
        {"net/n": "no-op", "app/z": "create"},
    ),
    Case(
        "a renamed component that says so keeps what it has",
        CHAIN,
        {
            "net/n": None,
            "net/m": net(moved_from="net/n"),
            "app/a": {"net_nickname": "m"},
        },
        {"net/m": "update", "app/a": "no-op", "url/u": "cut_off"},
        unknown={"app/a": ()},
    ),
    Case(
        "a component changes its type",
        {**NET1, "app/a": {"net_nickname": "n"}},
        {"app/a": None, "replaced-by/a": {"net_nickname": "n"}},
        {"net/n": "no-op", "replaced-by/a": "create"},
    ),
    Case(
        "a module changes what it makes",
        CHAIN,
        {},
        {"net/n": "no-op", "app/a": "update", "url/u": "cut_off"},
        modules={"app": APP + 'resource "terraform_data" "more" { input = 1 }\n'},
    ),
    Case(
        "a module changes in words only",
        CHAIN,
        {},
        {"net/n": "no-op", "app/a": "no-op", "url/u": "no-op"},
        modules={"app": APP + "# a remark\n"},
    ),
    Case(
        "a module makes less",
        CHAIN,
        {},
        {"net/n": "update", "app/a": "cut_off", "url/u": "cut_off"},
        modules={
            "net": NET.replace('resource "terraform_data" "note" { input = try(var.config.note, "") }', "")
        },
    ),
    Case(
        "a sensitive value changes",
        {
            "secret/s": {"user": "u", "password": "canary-one"},
            "secret-user/c": {"secret_nickname": "s"},
        },
        {"secret/s": {"user": "u", "password": "canary-two"}},
        {"secret/s": "replace", "secret-user/c": "replace"},
    ),
    Case(
        "a value beside a sensitive one changes",
        {
            "secret/s": {"user": "u", "password": "canary-one"},
            "secret-user/c": {"secret_nickname": "s"},
        },
        {"secret/s": {"user": "v", "password": "canary-one"}},
        {"secret/s": "update", "secret-user/c": "update"},
    ),
    Case(
        "a conditional reference appears",
        {**NET1, "conditional/k": {}},
        {"conditional/k": {"net_nickname": "n"}},
        {"net/n": "no-op", "conditional/k": "update"},
    ),
    Case(
        "a conditional reference to what is being made",
        {"conditional/k": {}},
        {**NET1, "conditional/k": {"net_nickname": "n"}},
        {"net/n": "create", "conditional/k": "update"},
    ),
    Case(
        "a conditional reference goes away",
        {**NET1, "conditional/k": {"net_nickname": "n"}},
        {"conditional/k": {}},
        {"net/n": "no-op", "conditional/k": "update"},
    ),
    Case(
        "single outputs are a runtime, key by key",
        {"named/x": {"name": "one"}, "named-user/u": {"named_nickname": "x"}},
        {"named/x": {"name": "two"}},
        {"named/x": "update", "named-user/u": "update"},
    ),
    Case(
        "a reload stands for an apply",
        {**NET1, "app/a": {"net_nickname": "n"}},
        {"net/n": net(cidr="10.6.0.0/16")},
        {"net/n": "update", "app/a": "reload"},
        types={
            "app": {
                "consumes": {"net": ["id", "cidr"]},
                "propagation": "reload",
                "reload": {"command": ["true"]},
            }
        },
    ),
    Case(
        "a type that does not propagate rests",
        {**NET1, "app/a": {"net_nickname": "n"}},
        {"net/n": net(cidr="10.6.0.0/16")},
        {"net/n": "update", "app/a": "no-op"},
        types={"app": {"consumes": {"net": ["id", "cidr"]}, "propagation": "none"}},
    ),
]
FORETOLD = {
    "create": {"applied"},
    "update": {"applied"},
    "replace": {"applied"},
    "no-op": {"unchanged"},
    "cut_off": {"cut_off"},
    "reload": {"reloaded"},
    "deferred": {"applied", "cut_off", "unchanged"},
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_plan_says_what_the_deploy_does(case: Case, tmp_path: Path) -> None:
    """The plan is exact before anything is applied, and the deploy does nothing that it had excluded."""
    system = SmallSystem(tmp_path, case.types)
    if case.before:
        system.configure(case.before)
        assert deploy(system.workspace(), ALL, ThreadExecutor).status == "succeeded"
    for name, text in case.modules.items():
        system.write_module(name, text)
    system.configure(case.change)

    made = plan(system.workspace(), ALL)
    assert {c.address: str(c.action) for c in made.components} == dict(case.expected)
    for address, unknown in case.unknown.items():
        assert next(c for c in made.components if c.address == address).unknown_inputs == unknown
    assert "canary" not in repr(made)

    done = deploy(system.workspace(), ALL, ThreadExecutor, plan_id=made.id)
    ended = {outcome.address: outcome for outcome in done.components}
    if done.status == "stopped":
        # A deferred component whose plan, once it can be made, destroys what nobody had been shown.
        stopped = {o.address for o in done.components if o.status == "stopped"}
        assert {case.expected[address] for address in stopped} == {"deferred"}
        shown = plan(system.workspace(), ALL)
        done = deploy(system.workspace(), ALL, ThreadExecutor, plan_id=shown.id)
        ended |= {o.address: o for o in done.components if ended[o.address].status in {"stopped", "blocked"}}
    assert done.status == "succeeded"
    for outcome in ended.values():
        assert outcome.status in FORETOLD[case.expected[outcome.address]], outcome
    again = plan(system.workspace(), ALL)
    assert {str(c.action) for c in again.components} <= {"no-op"}


def test_an_output_that_returns_to_its_old_value_applies_nothing_downstream(tmp_path: Path) -> None:
    """There and back: consumers that never saw the value in between have nothing to do."""
    system = SmallSystem(tmp_path)
    system.configure(CHAIN)
    deploy(system.workspace(), ALL, ThreadExecutor)
    system.configure({"net/n": net(cidr="10.99.0.0/16")})
    system.configure({"net/n": net()})
    assert not plan(system.workspace(), ALL).changes


def test_a_producer_that_is_not_deployed_blocks_its_consumer(tmp_path: Path) -> None:
    """A target's absent producer is said, and --with-producers plans it along."""
    system = SmallSystem(tmp_path)
    system.configure(CHAIN)
    alone = plan(system.workspace(), Selection(targets=("app/a",)))
    assert alone.status == "blocked"
    assert "producer-not-deployed" in alone.components[0].reason
    whole = plan(system.workspace(), Selection(targets=("app/a",), with_producers=True))
    assert [c.address for c in whole.components] == ["net/n", "app/a", "url/u"]
