"""The decision about one component: its verdict, and the reason in words.

The rules: no cause, and nothing runs; a cause of its own or drift always runs; a cause that is only its
producers' runtimes does what the type's `propagation` says; inside the downstream of a change, an unchanged
fingerprint is a cut-off.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from karma_core.component_types import TypeDefinition
from karma_core.plan.fingerprint import Inputs
from karma_core.plan.judge import Judgement, Verdict, judge
from karma_core.plan.spread import NOTHING, Seen
from karma_core.records import Applied

NOW = Inputs(labels={"config": "c1"}, keys={"net/core": {"id": "1", "cidr": "2"}, "db/main": {}})


def applied_from(inputs: Inputs, status: str = "applied") -> Applied:
    """The record that an apply from these inputs leaves."""
    return Applied(
        address="app/web", fingerprint=inputs.fingerprint, generation=1, run_id="R1", at="", config={},
        config_version=1, module="", inputs=inputs.labels, keys=inputs.keys, status=status,
    )  # fmt: skip


def with_net_id(value: str) -> Inputs:
    """The inputs of now, but for one key of a producer's runtime."""
    return Inputs(labels=NOW.labels, keys={**NOW.keys, "net/core": {"id": value, "cidr": "2"}})


def decided(
    record: Applied | None,
    *,
    propagation: str = "apply",
    seen: Seen = NOTHING,
    drifted: bool = False,
    unwritten: str = "",
) -> tuple[Verdict, str]:
    """(verdict, reason); the judgement names the component and holds its inputs whatever the verdict is."""
    definition = TypeDefinition(propagation=propagation)  # type: ignore[arg-type]
    made = judge("app/web", NOW, record, definition, seen, drifted=drifted, unwritten=unwritten)
    assert made == Judgement(address="app/web", verdict=made.verdict, reason=made.reason, inputs=NOW)
    return made.verdict, made.reason


@pytest.mark.parametrize("propagation", ["apply", "reload", "none"])
class TestItsOwnCause:
    """Runs, whatever its type says of its producers' changes."""

    def test_a_component_without_a_record_runs(self, propagation: str) -> None:
        """It was never applied."""
        assert decided(None, propagation=propagation) == (Verdict.RUN, "never applied")

    def test_a_failed_apply_runs_again(self, propagation: str) -> None:
        """Nobody knows how far it came, even though its fingerprint is the one of now."""
        record = applied_from(NOW, status="failed")
        assert decided(record, propagation=propagation) == (Verdict.RUN, "the last apply (run R1) failed")

    def test_a_change_of_its_own_inputs_runs(self, propagation: str) -> None:
        """Its own config, module, engine or variables."""
        record = applied_from(Inputs(labels={"config": "c0"}, keys=NOW.keys))
        assert decided(record, propagation=propagation) == (Verdict.RUN, "config changed")

    def test_its_own_change_wins_over_what_its_producers_changed(self, propagation: str) -> None:
        """Both are said, its own first, with one separator."""
        record = applied_from(Inputs(labels={"config": "c0"}, keys=with_net_id("0").keys))
        reason = "config changed; net/core: id changed"
        assert decided(record, propagation=propagation) == (Verdict.RUN, reason)

    def test_drift_runs(self, propagation: str) -> None:
        """The cloud differs, although no input does, and although only a producer's runtime does."""
        said = "the cloud differs from what was applied"
        assert decided(applied_from(NOW), propagation=propagation, drifted=True) == (Verdict.RUN, said)
        moved = applied_from(with_net_id("0"))
        expected = (Verdict.RUN, f"net/core: id changed; {said}")
        assert decided(moved, propagation=propagation, drifted=True) == expected

    def test_a_runtime_that_cannot_be_read_runs(self, propagation: str) -> None:
        """To be written anew, also where a change above leaves the inputs as they are."""
        seen = Seen(moved=frozenset({"net/core"}), how="was applied")
        said = "its runtime cannot be read: no"
        found = decided(applied_from(NOW), propagation=propagation, seen=seen, unwritten=said)
        assert found == (Verdict.RUN, said)

    def test_an_apply_whose_runtime_was_not_published_runs(self, propagation: str) -> None:
        """With the reason why it was not."""
        record = replace(applied_from(NOW, status="failed"), unpublished="too large")
        expected = "the runtime of its last apply (run R1) was not published: too large"
        assert decided(record, propagation=propagation) == (Verdict.RUN, expected)

    def test_drift_wins_over_a_cut_off(self, propagation: str) -> None:
        """Also where a change above it leaves its inputs as they are."""
        seen = Seen(moved=frozenset({"net/core"}), how="was applied")
        assert decided(applied_from(NOW), propagation=propagation, seen=seen, drifted=True)[0] is Verdict.RUN


@pytest.mark.parametrize(
    ("propagation", "verdict", "added"),
    [
        ("apply", Verdict.RUN, ""),
        ("reload", Verdict.RELOAD, ""),
        ("none", Verdict.RECORD, "; its type does not propagate"),
    ],
)
def test_producers_alone_do_what_the_type_says(propagation: str, verdict: Verdict, added: str) -> None:
    """`apply` runs, `reload` reloads, `none` notes the new inputs, and says why nothing runs."""
    record = applied_from(with_net_id("0"))
    assert decided(record, propagation=propagation) == (verdict, f"net/core: id changed{added}")


class TestWithoutACause:
    """The applied fingerprint is the one of now."""

    def test_a_component_has_not_drifted_unless_somebody_says_so(self) -> None:
        """Who knows nothing of the cloud leaves it out."""
        made = judge("app/web", NOW, applied_from(NOW), TypeDefinition(), NOTHING)
        assert made.verdict is Verdict.UNCHANGED

    def test_nothing_above_it_changes(self) -> None:
        """It is unchanged."""
        said = "nothing that decides its deployment changed"
        assert decided(applied_from(NOW)) == (Verdict.UNCHANGED, said)

    def test_a_producer_changed_and_what_is_consumed_of_it_did_not(self) -> None:
        """Cut off; every such producer is said, sorted, with the consumed keys, sorted."""
        seen = Seen(moved=frozenset({"net/core", "db/main"}), how="was applied")
        verdict, reason = decided(applied_from(NOW), seen=seen)
        assert verdict is Verdict.CUT_OFF
        assert reason.split("; ") == [
            "db/main was applied, but what is consumed of it (nothing) is the same",
            "net/core was applied, but what is consumed of it (cidr, id) is the same",
        ]

    def test_the_change_ended_above_it(self) -> None:
        """Cut off, and the components where it ended are named, sorted."""
        seen = Seen(ended=frozenset({"net/core", "db/main"}), how="was applied")
        said = "the change ends before it, at db/main, net/core"
        assert decided(applied_from(NOW), seen=seen) == (Verdict.CUT_OFF, said)

    def test_a_producer_that_changed_says_more_than_where_it_ended(self) -> None:
        """The nearer fact alone is the reason."""
        seen = Seen(moved=frozenset({"db/main"}), ended=frozenset({"net/core"}), how="will change")
        said = "db/main will change, but what is consumed of it (nothing) is the same"
        assert decided(applied_from(NOW), seen=seen) == (Verdict.CUT_OFF, said)

    def test_a_producer_of_which_nothing_enters_the_fingerprint(self) -> None:
        """Its change is a cut-off, too; there are no keys of it to name."""
        seen = Seen(moved=frozenset({"other/one"}), how="will change")
        said = "nothing that decides its deployment changed"
        assert decided(applied_from(NOW), seen=seen) == (Verdict.CUT_OFF, said)
