"""The decision behind plans and deploys: who is blocked, by what, and what is done with the others."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core.errors import BadInput, KarmaError
from karma_core.inference.read import read_module
from karma_core.model import Finding, Severity
from karma_core.plan.judge import Verdict
from karma_core.records import ParameterWrite
from karma_core.use_cases.fleet.drifted import KIND
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.decider import Block, Decider, block_of, in_one_line, may_move
from tests.memory_system import System

CHAIN: dict[str, dict[str, Any]] = {
    "a_one": {"size": 1},
    "b_two": {"a_nickname": "one"},
    "c_three": {"b_nickname": "two"},
}


def deployed(**more: dict[str, Any]) -> System:
    """a/one ← b/two ← c/three, deployed."""
    system = System()
    system.configure(**CHAIN, **more)
    system.deploy()
    return system


def fleet_of(system: System) -> Fleet:
    """The environment as it is now."""
    return read_fleet(system.workspace)


def decider(fleet: Fleet, *chosen: str, **options: Any) -> Decider:
    """The decider of a run over these components, or all."""
    return Decider(fleet, chosen or fleet.graph.order(), "was applied", **options)


def decided(made: Decider, *addresses: str) -> dict[str, tuple[Verdict, str]]:
    """Address → (verdict, reason), asked in dependency order."""
    judgements = {address: made.decide(address) for address in addresses}
    assert all(address == one.address for address, one in judgements.items())
    return {address: (one.verdict, one.reason) for address, one in judgements.items()}


WRITES = (
    'resource "aws_ssm_parameter" "r" {\n  for_each = var.config.functions\n'
    '  name = "${var.iac_prefix}/b/${each.key}/runtime"\n}\n'
)


def writing(**more: dict[str, Any]) -> System:
    """The module of d/set writes the runtime of b/mail, which has no config; c/web consumes it."""
    system = System()
    system.modules.known_facts["d"] = read_module("d", {"d/main.tf": WRITES.encode()})
    system.configure(**{"d_set": {"functions": {"mail": {}}}, "c_web": {"b_nickname": "mail"}, **more})
    return system


class TestBlocked:
    """What is known before anything is applied."""

    def test_nothing_is_blocked_in_an_environment_in_order(self) -> None:
        """Everything that is chosen is worked on."""
        made = decider(fleet_of(deployed()))
        assert dict(made.blocked) == {}
        assert made.members == made.chosen == {"a/one", "b/two", "c/three"}

    def test_an_error_of_the_graph_blocks_its_component_and_all_that_need_it(self) -> None:
        """Each with its own reason; the graph's finding is said already, and not again."""
        system = deployed()
        system.configure(b_two={"a_nickname": "gone"}, d_four={"size": 1})
        made = decider(fleet_of(system))
        assert set(made.blocked) == {"b/two", "c/three"}
        assert made.members == {"a/one", "d/four"}
        assert [block.finding for block in made.blocked.values()] == [None, None]
        assert "a/gone" in made.blocked["b/two"].reason
        reason = made.blocked["b/two"].reason
        assert decided(made, "b/two") == {"b/two": (Verdict.BLOCKED, reason)}
        assert made.decide("b/two").inputs == fleet_of(system).inputs("b/two")

    def test_what_is_not_chosen_is_not_blocked(self) -> None:
        """Nobody works on it."""
        system = deployed()
        system.configure(b_two={"a_nickname": "gone"})
        assert dict(decider(fleet_of(system), "a/one").blocked) == {}

    def test_a_producer_that_is_neither_deployed_nor_part_of_the_run(self) -> None:
        """It is a finding of the consumer; what needs the consumer waits for it, the nearest cause first."""
        system = System()
        system.configure(**CHAIN, d_four={"a_nickname": "one", "b_nickname": "two"})
        made = decider(fleet_of(system), "b/two", "c/three")
        why = "b/two needs it, and it is not part of this plan"
        next_step = "deploy it first or add --with-producers, and do not --exclude it"
        finding = Finding(
            code="producer-not-deployed", severity=Severity.ERROR, component="b/two", pointer="",
            message=f"producer-not-deployed: a/one; {why}; {next_step}",
        )  # fmt: skip
        assert dict(made.blocked) == {
            "b/two": Block(reason=f"producer-not-deployed: a/one: {why}; {next_step}", finding=finding),
            "c/three": Block(reason="it needs b/two, which is blocked"),
        }
        of_two = decider(fleet_of(system), "d/four").blocked["d/four"]
        assert of_two.reason.startswith("producer-not-deployed: a/one, b/two: d/four needs it")
        assert dict(decider(fleet_of(system), "a/one", "b/two").blocked) == {}

    def test_a_producer_that_is_deployed_need_not_be_part_of_the_run(self) -> None:
        """By its record, or by its runtime alone: it may be deployed by others."""
        assert dict(decider(fleet_of(deployed()), "b/two").blocked) == {}
        system = System()
        system.configure(b_two={"a_nickname": "ext"})
        system.parameters.put([ParameterWrite(name="/iac/a/ext/runtime", value='{"id": "x"}')])
        assert dict(decider(fleet_of(system), "b/two").blocked) == {}

    def test_everything_behind_a_blocked_component_is_blocked_by_it(self) -> None:
        """All the way down, with the component that has the error as the cause."""
        system = System()
        system.configure(**CHAIN, d_four={"c_nickname": "three"}, e_five={"d_nickname": "four"})
        blocked = decider(fleet_of(system), "b/two", "c/three", "d/four", "e/five").blocked
        behind = {address: blocked[address].reason for address in ("c/three", "d/four", "e/five")}
        assert behind == dict.fromkeys(behind, "it needs b/two, which is blocked")

    def test_a_runtime_that_a_chosen_module_writes_is_part_of_the_run(self) -> None:
        """Its consumer is not blocked, though it has neither config nor runtime by now."""
        fleet = fleet_of(writing())
        assert dict(decider(fleet, "d/set", "c/web").blocked) == {}
        assert set(decider(fleet, "c/web").blocked) == {"c/web"}

    def test_a_type_without_a_module(self) -> None:
        """There is nothing that Terraform could run."""
        system = System()
        system.configure(z_nine={"size": 1})
        block = decider(fleet_of(system)).blocked["z/nine"]
        assert block.reason == (
            "z/nine cannot be planned: the type z has no Terraform module; add components/z/main.tf"
        )
        assert block.finding is not None
        assert (block.finding.code, block.finding.component) == ("unknown-type", "z/nine")

    def test_a_component_behind_two_blocked_ones_names_the_first(self) -> None:
        """Roots are taken by address, and one that is blocked itself keeps its own reason."""
        system = System()
        system.configure(
            y_one={"size": 1}, z_nine={"y_nickname": "one"}, b_two={"y_nickname": "one", "z_nickname": "nine"}
        )
        blocked = decider(fleet_of(system)).blocked
        assert blocked["b/two"].reason == "it needs y/one, which is blocked"
        assert blocked["z/nine"].reason.startswith("z/nine cannot be planned")


class TestDecide:
    """What is to be done with a component, as its producers are known by now."""

    def test_what_changes_above_is_seen_and_handed_down(self) -> None:
        """A component that sees a change is part of its cone, whether it changes itself or not."""
        system = deployed()
        made = decider(fleet_of(system))
        made.spread.move(["a/one"])
        answers = decided(made, "a/one", "b/two", "c/three")
        assert answers["a/one"] == (Verdict.UNCHANGED, "nothing that decides its deployment changed")
        verdict, reason = answers["b/two"]
        assert verdict is Verdict.CUT_OFF
        assert reason.startswith("a/one was applied, but what is consumed of it (")
        assert answers["c/three"] == (Verdict.CUT_OFF, "the change ends before it, at b/two")

    def test_the_record_of_this_moment_wins_over_the_one_that_was_read(self) -> None:
        """Another run may have applied it meanwhile; where there is no fresher one, the fleet's counts."""
        fleet = fleet_of(deployed())
        record = fleet.deployed("a/one")
        assert record is not None
        failed = {"a/one": replace(record, status="failed", run_id="R9")}
        made = decider(fleet, applied=failed.get)
        assert made.applied("a/one") == failed["a/one"]
        assert made.applied("b/two") == fleet.deployed("b/two")
        assert decided(made, "a/one", "b/two") == {
            "a/one": (Verdict.RUN, "the last apply (run R9) failed"),
            "b/two": (Verdict.UNCHANGED, "nothing that decides its deployment changed"),
        }

    def test_a_change_goes_on_through_what_a_module_writes(self) -> None:
        """The consumer of a written runtime lies in the cone of what changes above its writer."""
        system = writing(a_one={"size": 1}, d_set={"functions": {"mail": {}}, "a_nickname": "one"})
        system.deploy()
        made = decider(fleet_of(system))
        made.spread.move(["a/one"])
        assert made.decide("d/set").verdict is Verdict.CUT_OFF
        assert decided(made, "c/web")["c/web"] == (
            Verdict.CUT_OFF,
            "the change ends before it, at b/mail",
        )

    def test_a_component_that_has_drifted_runs(self) -> None:
        """Since the last check found that the cloud differs from this apply."""
        system = deployed()
        record = system.state.applied("a/one")
        assert record is not None
        system.state.put_document(KIND, "a/one", {"generation": record.generation, "status": "drifted"})
        said = "the cloud differs from what was applied"
        made = decider(fleet_of(system))
        assert decided(made, "a/one") == {"a/one": (Verdict.RUN, said)}

    def test_a_type_decides_what_its_producers_changes_do(self) -> None:
        """Its definition is asked."""
        system = System({"b": {"propagation": "none"}})
        system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
        system.deploy()
        system.parameters.delete(["/iac/a/one/runtime"])
        verdict, reason = decided(decider(fleet_of(system), "b/two"), "b/two")["b/two"]
        assert verdict is Verdict.RECORD, reason


def test_what_may_move_is_what_is_not_as_it_should_be_and_what_follows() -> None:
    """Of the chosen components, without the blocked ones; nothing where all is in order."""
    system = deployed(d_four={"size": 1})
    everything = ("a/one", "b/two", "c/three", "d/four")
    assert may_move(fleet_of(system), everything) == set()
    system.configure(b_two={"a_nickname": "one", "size": 2})
    assert may_move(fleet_of(system), everything) == {"b/two", "c/three"}
    assert may_move(fleet_of(system), ("a/one", "b/two")) == {"b/two"}
    system.configure(c_three={"b_nickname": "gone"})
    assert may_move(fleet_of(system), everything) == {"b/two"}


@pytest.mark.parametrize(
    ("error", "line", "message"),
    [
        (KarmaError("it failed"), "it failed", "it failed"),
        (KarmaError("it failed", why="\n  so  \nit was"), "it failed: so", "it failed; \n  so  \nit was"),
        (KarmaError("it failed", next_step="try"), "it failed; try", "it failed; try"),
        (BadInput("it failed", why="so", next_step="try"), "it failed: so; try", "it failed; so; try"),
    ],
)
def test_an_error_is_a_reason_in_one_line(error: KarmaError, line: str, message: str) -> None:
    """What, the first line of why, what to do; the finding has all of it."""
    assert in_one_line(error) == line
    finding = Finding(
        code=error.code, severity=Severity.ERROR, component="a/one", pointer="", message=message
    )
    assert block_of("a/one", error) == Block(reason=line, finding=finding)
