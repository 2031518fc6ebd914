"""Two runs at once leave what some order of them leaves, wherever one of them stands meanwhile."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interleavings import (
    Action,
    Project,
    deploying,
    destroying,
    interleaved,
    merges,
    places,
    publishing,
    rolling_back,
    serial,
)

Make = Callable[[], Project]
Actions = tuple[Action, ...]


def fresh(root: Path) -> Project:
    """Published, not deployed."""
    return Project(root)


def deployed(root: Path) -> Project:
    """Deployed, with an edit of `a/one` that is published and not deployed."""
    project = Project(root)
    deploying()(project)
    publishing(a_one={"size": 2})(project)
    return project


def settled(root: Path) -> Project:
    """Deployed, all of it."""
    project = Project(root)
    deploying()(project)
    return project


def changed(root: Path) -> Project:
    """Deployed, then changed by a change that was applied, and published since."""
    project = Project(root)
    deploying()(project)
    project.applied("a/one", proposed_change={"size": 7})
    publishing(d_four={"size": 5})(project)
    return project


def without_consumers(root: Path) -> Project:
    """`a/one` alone is deployed; its consumers have been destroyed."""
    project = Project(root)
    deploying("a/one")(project)
    destroying("c/three", "b/two")(project)
    return project


NEWER = (publishing(a_one={"size": 3}), deploying())
PAIRS: dict[str, tuple[Callable[[Path], Project], Actions, Actions]] = {
    "two deploys": (deployed, (deploying(),), (deploying(),)),
    "a deploy and one of newer configs": (deployed, (deploying(),), NEWER),
    "one of newer configs and a deploy": (deployed, NEWER, (deploying(),)),
    "a deploy of a part and one of newer configs": (deployed, (deploying("a/one"),), NEWER),
    "a deploy and a destroy of all": (deployed, (deploying(),), (destroying(),)),
    "a destroy of all and a deploy": (deployed, (destroying(),), (deploying(),)),
    "a deploy and a destroy of a consumer": (deployed, (deploying(),), (destroying("c/three"),)),
    "a destroy of a consumer and a deploy": (deployed, (destroying("c/three"),), (deploying(),)),
    "two destroys": (settled, (destroying(),), (destroying("c/three"),)),
    "a first deploy of a consumer and a destroy": (
        without_consumers,
        (deploying("b/two"),),
        (destroying("a/one"),),
    ),
    "a destroy and a first deploy of a consumer": (
        without_consumers,
        (destroying("a/one"),),
        (deploying("b/two"),),
    ),
    "a deploy and a publication": (
        deployed,
        (deploying(),),
        (publishing(a_one={"size": 3}, d_four={"size": 9}),),
    ),
    "a publication and a deploy": (
        deployed,
        (publishing(a_one={"size": 3}, d_four={"size": 9}),),
        (deploying(),),
    ),
    "a first deploy and a pruning": (fresh, (deploying("d/four"),), (publishing(prune=True, d_four=None),)),
    "a pruning and a first deploy": (fresh, (publishing(prune=True, d_four=None),), (deploying("d/four"),)),
    "a rollback and a deploy": (changed, (rolling_back,), (deploying(),)),
    "a deploy and a rollback": (changed, (deploying(),), (rolling_back,)),
}


def check(make: Make, first: Actions, second: Actions, place: str, count: int) -> bool:
    """Whether the first gets to the place; fails where what is left is what no order leaves."""
    project = make()
    ends = interleaved(project, first, second, place, count)
    if ends is None:
        return False
    one, other = ends
    project.drain()  # a change whose deploy was refused goes on
    left = project.left()
    orders = merges(first[: one.done], second[: other.done])
    assert any(left == serial(make, order) for order in orders), (place, count, ends, left)
    return True


def cases(root: Path) -> list[tuple[str, str, int]]:
    """Every pair with every place that its first run passes."""
    numbers = itertools.count()
    return [
        (pair, place, count)
        for pair, (make, first, _) in PAIRS.items()
        for place, count in places(lambda make=make: make(root / f"look-{next(numbers)}"), first)
    ]


def walk_through(root: Path, chosen: list[tuple[str, str, int]]) -> int:
    """Interleave the chosen cases; how many were reached."""
    numbers = itertools.count()
    reached = 0
    for pair, place, count in chosen:
        make, first, second = PAIRS[pair]
        reached += check(lambda make=make: make(root / f"{next(numbers)}"), first, second, place, count)
    return reached


@pytest.mark.soak
def test_some_order_is_what_is_left(tmp_path: Path) -> None:
    """All pairs, held at every named place between reading and the end; a seeded sample outside the soak."""
    everything = cases(tmp_path)
    chosen = everything if os.environ.get("KARMA_SOAK") else random.Random(16).sample(everything, 60)
    assert walk_through(tmp_path / "run", chosen) >= (200 if chosen is everything else 55)
