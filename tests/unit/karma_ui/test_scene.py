"""What is drawn of a graph."""

from __future__ import annotations

from typing import Any

from karma_ui.scene import MOST_OPEN, Scene, compare, draw
from karma_ui.view import View
from tests.unit.karma_ui.fleet import CHAIN, whole


def names(scene: Scene) -> list[str]:
    """What is drawn, sorted."""
    return [node["id"] for node in scene.nodes]


def by_name(scene: Scene) -> dict[str, dict[str, Any]]:
    """Drawn nodes."""
    return {node["id"]: node for node in scene.nodes}


def test_everything_is_drawn_at_first() -> None:
    """A view that asks for nothing shows all components and all dependencies."""
    scene = draw(CHAIN, View())
    assert names(scene) == list(CHAIN.nodes)
    assert [(edge["source"], edge["target"]) for edge in scene.edges] == sorted(CHAIN.edges)


def test_the_focus_is_drawn_with_its_cone_and_its_producers_to_a_depth() -> None:
    """`down` and `up` count steps; both ways of a chain are followed that far."""
    assert names(draw(CHAIN, View(focus="b/one"))) == ["a/one", "b/one", "c/one", "c/two", "d/one"]
    assert names(draw(CHAIN, View(focus="b/one", down="1", up="0"))) == ["b/one", "c/one", "c/two"]
    assert names(draw(CHAIN, View(focus="d/one", up="2"))) == ["b/one", "c/one", "d/one"]


def test_filters_by_type_and_status_keep_the_focus() -> None:
    """A component that is in focus is never filtered away."""
    fleet = whole(("b/one", "a/one"), ("c/one", "b/one"), c_one="stale")
    assert names(draw(fleet, View(type=("a", "c")))) == ["a/one", "c/one"]
    assert names(draw(fleet, View(status=("stale",)))) == ["c/one"]
    assert names(draw(fleet, View(status=("stale",), focus="b/one"))) == ["b/one", "c/one"]


def test_a_type_can_be_folded_into_one() -> None:
    """Its node counts its components, shows their worst status, and takes over their edges."""
    fleet = whole(("b/one", "a/one"), ("b/two", "a/one"), ("c/one", "b/one"), b_two="failed")
    scene = draw(fleet, View(collapse="b"))
    assert names(scene) == ["a/one", "c/one", "type:b"]
    assert "b/one" in names(draw(fleet, View(collapse="b", focus="b/one")))
    folded = by_name(scene)["type:b"]
    assert (folded["count"], folded["status"]) == (2, "failed")
    assert [(e["source"], e["target"], e["count"]) for e in scene.edges] == [
        ("c/one", "type:b", 1),
        ("type:b", "a/one", 2),
    ]


def test_a_large_graph_opens_folded_and_never_draws_too_much() -> None:
    """By itself it is folded by type; unfolded, the largest types stay folded until the rest fits."""
    edges = [(f"big/n{number}", "small/one") for number in range(MOST_OPEN + 1)]
    fleet = whole(*edges)
    assert names(draw(fleet, View())) == ["type:big", "type:small"]
    assert names(draw(fleet, View(collapse="none"))) == ["small/one", "type:big"]
    assert "big/n7" in names(draw(fleet, View(collapse="none", focus="big/n7")))


def test_the_difference_between_builds_is_marked_and_what_went_is_drawn() -> None:
    """Added, changed and removed components, each with its mark."""
    before = whole(("b/one", "a/one"), ("c/one", "b/one"))
    after = whole(("b/one", "a/one"), ("d/one", "b/one"), build=2, b_one="stale")
    assert compare(before, after) == {"b/one": "changed", "c/one": "removed", "d/one": "added"}
    scene = draw(after, View(since="1"), before=before)
    assert {n["id"]: n["mark"] for n in scene.nodes if "mark" in n} == compare(before, after)
    assert scene.build == 2


def test_a_plan_is_drawn_with_what_it_stands_on() -> None:
    """Each component of the plan has its action and its unknown inputs; direct producers stand beside."""
    plan = {
        "components": [
            {"address": "b/one", "action": "update", "unknown_inputs": []},
            {"address": "c/one", "action": "deferred", "unknown_inputs": ["b/one:id"]},
        ]
    }
    drawn = by_name(draw(CHAIN, View(), plan=plan))
    assert list(drawn) == ["a/one", "b/one", "c/one"]
    assert (drawn["c/one"]["action"], drawn["c/one"]["unknown"]) == ("deferred", 1)
    assert "action" not in drawn["a/one"]


def test_a_search_fades_what_it_does_not_mean() -> None:
    """The picture stays, and what was not searched for steps back."""
    drawn = by_name(draw(CHAIN, View(q="ONE")))
    assert [name for name, node in drawn.items() if node.get("dim")] == ["c/two"]


def test_a_search_finds_nicknames_first() -> None:
    """Those that begin with the text come before those that only hold it; all are counted."""
    fleet = whole(("main-thing/x", "a/main"), ("b/domain", "a/main"))
    matches, count = fleet.search("main", 2)
    assert [node["id"] for node in matches] == ["a/main", "b/domain"]
    assert count == 3
