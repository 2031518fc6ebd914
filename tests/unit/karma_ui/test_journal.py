"""Progress of a run."""

from __future__ import annotations

from typing import Any

from karma_ui.journal import critical_path, progress


def event(address: str | None, status: str, second: int, action: str = "terraform_apply") -> dict[str, Any]:
    """An event of a run."""
    return {
        "component": address, "status": status, "action": action, "inputs": {}, "artifacts": [],
        "timestamp": f"2026-01-02T03:04:{second:02}Z",
    }  # fmt: skip


def test_each_component_has_a_line_in_the_order_of_work() -> None:
    """The newest event says its state, the first and the last how long it took."""
    begun = [event(None, "started", 0, "deploy"), event("b/x", "started", 1), event("a/x", "started", 2)]
    lines = progress([*begun, event("b/x", "succeeded", 5)])
    assert [(line.address, line.state, line.seconds) for line in lines] == [
        ("b/x", "applied", 4.0),
        ("a/x", "running", 0.0),
    ]


def test_a_failure_is_not_forgotten() -> None:
    """What comes after it does not make a component good again."""
    failed = event("a/x", "failed", 2) | {"inputs": {"error": {"message": "no quota"}}}
    (line,) = progress([event("a/x", "started", 1), failed, event("a/x", "skipped", 3, "propagate")])
    assert (line.state, line.error) == ("failed", "no quota")


def test_the_critical_path_is_the_longest_chain_of_producers() -> None:
    """Long components count, not many; a longer one beside the chain is not on it."""
    lines = progress(
        [
            event("a/x", "started", 0), event("a/x", "succeeded", 10),
            event("b/x", "started", 0), event("b/x", "succeeded", 12),
            event("c/x", "started", 12), event("c/x", "succeeded", 20),
            event("d/x", "started", 20), event("d/x", "succeeded", 21),
        ]
    )  # fmt: skip
    producers = {"c/x": ["a/x", "b/x"], "d/x": ["a/x"]}
    assert critical_path(lines, producers) == ["b/x", "c/x"]
    assert critical_path([], producers) == []
