"""Version constraints, as Terraform reads them in `required_version`."""

from __future__ import annotations

import pytest

from karma_core.component_types import read_definition
from karma_core.engines import EngineChoice, constraints_of, satisfies
from karma_core.errors import BadInput


@pytest.mark.parametrize(
    ("constraint", "holds", "fails"),
    [
        ("", ["0.1.0", "9.9.9-rc1"], []),
        ("1.11.4", ["1.11.4", "v1.11.4", "1.11.4+build"], ["1.11.5", "1.11.4-rc1"]),
        ("= 1.11", ["1.11.0"], ["1.11.1"]),
        ("!= 1.9.0", ["1.9.1", "1.8.0"], ["1.9.0"]),
        (">= 1.9, < 2", ["1.9.0", "1.99.0"], ["1.8.9", "2.0.0", "1.10.0-beta1"]),
        (">1.9.0", ["1.10.0"], ["1.9.0", "1.2.0"]),
        ("<= 1.9", ["1.9.0", "1.8.9"], ["1.9.1"]),
        ("~> 1.9", ["1.9.0", "1.11.4"], ["2.0.0", "1.8.9"]),
        ("~> 1.9.2", ["1.9.2", "1.9.99"], ["1.10.0", "1.9.1"]),
        ("~> 1", ["1.0.0", "1.11.4", "2.0.0"], ["0.9.0"]),  # as Terraform 1.11 takes it
        (">= 1.12.0-beta1", ["1.12.0-beta1", "1.12.0-rc1", "1.12.0"], ["1.12.0-alpha", "1.11.9"]),
        (">= 1.12.0-rc.2", ["1.12.0-rc.10"], ["1.12.0-rc.1"]),
    ],
)  # fmt: skip
def test_a_version_meets_every_part_of_a_constraint(
    constraint: str, holds: list[str], fails: list[str]
) -> None:
    """`~>` lets the last part that is written rise; a pre-release is met only where its release is named."""
    assert [version for version in holds if not satisfies(version, constraint)] == []
    assert [version for version in fails if satisfies(version, constraint)] == []


@pytest.mark.parametrize("text", ["latest", ">= ", "1.2.3.4", ">= 1.9 < 2", "=> 1.9", "1.9,"])
def test_what_is_no_constraint_is_refused(text: str) -> None:
    """Where it is written, with what stands there: it is never taken for "any"."""
    with pytest.raises(ValueError, match="is no version"):
        constraints_of(text)
    with pytest.raises(BadInput, match=r"component.yaml of app cannot be used") as caught:
        read_definition("app", {"terraform": {"version": text}})
    assert "terraform" in caught.value.why


def test_a_type_may_choose_its_engine() -> None:
    """With the keys that the settings' section has."""
    definition = read_definition("app", {"terraform": {"binary": "tofu", "version": "~> 1.8"}})
    assert definition.terraform == EngineChoice(binary="tofu", version="~> 1.8")
