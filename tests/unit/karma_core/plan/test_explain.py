"""Every input of a decision, as it was applied and as it is now."""

from __future__ import annotations

from karma_core.plan.explain import explain
from karma_core.plan.fingerprint import Inputs
from karma_core.records import Applied

NOW = Inputs(
    labels={"config": "c2", "region": "r"}, keys={"a/x": {"id": "k1", "size": "s2"}, "b/y": {"n": "1"}}
)


def applied(status: str = "applied") -> Applied:
    """What was applied from other inputs."""
    return Applied(
        address="c/z", fingerprint="f", generation=1, run_id="r", at="", config={}, config_version=1,
        module="",
        inputs={"config": "c1", "region": "r"}, keys={"a/x": {"id": "k1", "size": "s1"}, "d/w": {"n": "1"}},
        status=status,
    )  # fmt: skip


def test_labels_then_keys_each_with_both_sides() -> None:
    """What was added, what went, what changed and what did not, sorted."""
    assert [(e.input, e.old, e.new, e.differs) for e in explain(NOW, applied())] == [
        ("config", "c1", "c2", True),
        ("region", "r", "r", False),
        ("a/x.id", "k1", "k1", False),
        ("a/x.size", "s1", "s2", True),
        ("b/y.n", None, "1", True),
        ("d/w.n", "1", None, True),
    ]


def test_nothing_counts_as_applied_before_an_apply_or_after_a_failed_one() -> None:
    """Then everything differs, which is why it runs."""
    for held in (None, applied("failed")):
        assert all(e.old is None and e.differs for e in explain(NOW, held))
