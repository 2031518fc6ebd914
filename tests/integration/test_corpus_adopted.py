"""Fleets that `terraform apply` made are taken over as they are: empty plans, no file of theirs changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.corpus import adoption, projects, truth
from tests.corpus.applies import Applies

SOAK = os.environ.get("KARMA_SOAK")
PRODUCERS = ("net", "queue")
SAMPLE = (*PRODUCERS, "takes-lists")
TYPES = SAMPLE if not SOAK else (
    *PRODUCERS, "by-list", "by-nickname", "child-each", "child-values", "cidr-math", "conditions", "heredocs",
    "json-syntax", "json-variables", "moves", "overridden", "state-local", "takes-any", "takes-bool",
    "takes-files", "takes-lists", "takes-maps", "takes-number", "takes-object", "takes-secret",
    "takes-string", "takes-validated", "template-file",
)  # fmt: skip


@pytest.mark.soak
def test_what_terraform_applied_is_taken_over(tmp_path: Path) -> None:
    """Every plan is empty and says that the state is adopted; the deploy applies nothing and records it."""
    applies = Applies(tmp_path / "applies")
    project = projects.make(tmp_path, "plain", only=TYPES, program=applies.program)
    fleet = adoption.PlainFleet(tmp_path / "components", tmp_path / "their-states")
    types = sorted((one for one in truth.of_project("plain") if one.type in TYPES), key=_producers_first)
    addresses = [f"{one.type}/{nickname}" for one in types for nickname in one.configs]
    for one in types:
        for nickname in one.configs:
            fleet.apply(one, nickname)
    theirs = [tmp_path / "components", tmp_path / "their-states"]
    before = [adoption.digests(folder) for folder in theirs]
    adoption.hand_over(fleet, addresses, tmp_path / ".karma/test/tfstate")
    made = project.planned()
    assert {a: (str(one.action), one.reason) for a, one in made.items() if one.action != "no-op"} == {}
    assert [a for a in addresses if "is adopted" not in made[a].reason] == []
    sys.stdout.write(f"{len(types)} modules, {len(addresses)} components adopted, all plans empty\n")
    assert project.deploy() == dict.fromkeys(addresses, "unchanged")
    assert applies.take() == {}
    assert [adoption.digests(folder) for folder in theirs] == before
    assert {one.action for one in project.planned().values()} == {"no-op"}


def _producers_first(one: truth.Truth) -> tuple[bool, str]:
    return one.type not in PRODUCERS, one.type
