"""Small graphs as the API gives them."""

from __future__ import annotations

from typing import Any

from karma_ui.graph_cache import CachedGraph


def node(address: str, status: str = "current", version: int = 1) -> dict[str, Any]:
    """A component's document."""
    kind, _, nickname = address.partition("/")
    return {
        "id": address,
        "type": kind,
        "nickname": nickname,
        "status": status,
        "config_version": version,
        "runtime_version": 1,
    }


def whole(*edges: tuple[str, str], alone: tuple[str, ...] = (), build: int = 1, **status: str) -> CachedGraph:
    """The graph of (consumer, producer) pairs; `a_one="stale"` gives `a/one` a status."""
    names = sorted({name for pair in edges for name in pair} | set(alone))
    return CachedGraph(
        {
            "build_id": build,
            "nodes": [node(name, status.get(name.replace("/", "_"), "current")) for name in names],
            "edges": [
                {
                    "source": s,
                    "target": t,
                    "kind": "depends_on",
                    "via": ["nickname"],
                    "pointers": [],
                    "keys": None,
                }
                for s, t in edges
            ],
        }
    )


CHAIN = whole(
    ("b/one", "a/one"), ("c/one", "b/one"), ("c/two", "b/one"), ("d/one", "c/one"), alone=("e/one",)
)
