"""Which artifacts are read, and which never."""

from __future__ import annotations

import json

import pytest

from karma_core.errors import BadInput, NotFound, Refused
from karma_core.use_cases.audit.artifacts import MOST_BYTES, show
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import artifacts_of
from tests.memory_system import ALL, System

PLAN = "test/2026-01-02/01J9Z0/a/one/plan"


@pytest.fixture
def system() -> System:
    """One component, deployed."""
    made = System()
    made.configure(a_one={"size": 1})
    made.deploy()
    return made


def test_every_artifact_that_an_event_names_is_read(system: System) -> None:
    """As it was kept, with its size and media type."""
    named = [key for event in system.log.events() for key in event.artifacts]
    assert {key.rpartition(".")[2] for key in named} == {"json", "txt"}
    for key in named:
        raw = system.artifacts.get(key)
        assert raw is not None
        artifact = show(system.workspace, key)
        assert (artifact.content.encode(), artifact.size) == (raw, len(raw))
        assert artifact.media_type == ("application/json" if key.endswith("json") else "text/plain")


def test_the_artifacts_of_a_plan_are_read(system: System) -> None:
    """A plan that was made names its document and its text."""
    made = plan(system.workspace, ALL)
    document, text = (show(system.workspace, key).content for key in artifacts_of(made))
    assert json.loads(document)["plan_id"] == made.id
    assert "a/one" in text


@pytest.mark.parametrize("name", ["addresses.json", "versions.json"])
def test_what_a_large_publish_wrote_is_read(system: System, name: str) -> None:
    """Its addresses and versions are too many for the event."""
    key = f"test/publishes/01J9Z0/{name}"
    system.artifacts.put(key, b"{}")
    assert show(system.workspace, key).content == "{}"


@pytest.mark.parametrize(
    "key",
    [
        "test/terraform/a/one/terraform.tfstate",
        "test/graph/1-abc.snapshot",
        "test/log/events.jsonl",
        "test/2026-01-02/01J9Z0/plan-whole.json",
        "test/2026-01-02/01J9Z0/a/one/plan.tfplan",
        "test/2026-01-02/01J9Z0/a/one/plan.json.bak",
        "test/2026-01-02/01J9Z0/a/one/b/plan.json",
        "prod/2026-01-02/01J9Z0/a/one/plan.json",
        "test2/2026-01-02/01J9Z0/a/one/plan.json",
    ],
)
def test_nothing_else_of_the_store_is_read(system: System, key: str) -> None:
    """Not even what is there: states, snapshots, binary plans, other environments."""
    system.artifacts.put(key, b"{}")
    with pytest.raises(NotFound):
        show(system.workspace, key)


@pytest.mark.parametrize(
    "key",
    [
        "", "/etc/passwd", "../../etc/passwd", "test/../prod/x", "test/2026-01-02/01J9Z0/../plan.json", "-x",
        f"{PLAN}.json\0", f"{PLAN}.json\n", "test/\u0662026-01-02/x/plan.json", "x" * 2000,
    ],
)  # fmt: skip
def test_no_key_leads_out_of_the_store(system: System, key: str) -> None:
    """What is no key is refused before the store is asked."""
    with pytest.raises(BadInput, match="not an artifact's key"):
        show(system.workspace, key)


def test_a_missing_artifact_is_not_found(system: System) -> None:
    """A key of the right form whose object is not there."""
    with pytest.raises(NotFound):
        show(system.workspace, f"{PLAN}.json")


def test_an_artifact_has_a_largest_size(system: System) -> None:
    """The largest is shown; a byte more is refused, and the way to it is said."""
    system.artifacts.put(f"{PLAN}.txt", b"x" * MOST_BYTES)
    system.artifacts.put(f"{PLAN}-0a1b2c3d.txt", b"x" * (MOST_BYTES + 1))
    assert show(system.workspace, f"{PLAN}.txt").size == MOST_BYTES
    with pytest.raises(Refused) as refused:
        show(system.workspace, f"{PLAN}-0a1b2c3d.txt")
    assert refused.value.code == "artifact-too-large"
