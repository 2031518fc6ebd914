"""How far changes have spread in one plan or run: changed components, and those in their cone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from karma_core.model import Record


class Seen(Record, frozen=True, kw_only=True):
    """The changes among a component's dependencies, as far as they affect it.

    `moved` are those of its producers that change, `how` says it of them ("was applied"). `ended` are those
    that lie in the cone of a change and publish nothing new: the change ends there.
    """

    moved: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    how: str = ""

    @property
    def anything(self) -> bool:
        """Whether the component lies in the cone of something that changes."""
        return bool(self.moved or self.ended)


NOTHING = Seen()


class Spread:
    """Kept by the threads of one plan or run, in dependency order."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._moved: set[str] = set()
        self._reached: set[str] = set()

    def move(self, addresses: Iterable[str]) -> None:
        """Note components that change."""
        self._moved.update(addresses)

    def reach(self, addresses: Iterable[str]) -> None:
        """Note components in the cone of a change, whether they change themselves or not."""
        self._reached.update(addresses)

    def moved(self, address: str) -> bool:
        """Whether the component changes."""
        return address in self._moved

    def all_moved(self) -> tuple[str, ...]:
        """Everything that changes, sorted."""
        return tuple(sorted(self._moved))

    def seen_from(self, producers: Collection[str]) -> Seen:
        """Return the changes that affect a component with these producers."""
        moved = frozenset(p for p in producers if p in self._moved)
        ended = frozenset(p for p in producers if p in self._reached) - moved
        return Seen(moved=moved, ended=ended, how=self._how)
