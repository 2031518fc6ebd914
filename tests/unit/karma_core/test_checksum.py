"""The checksum of a parameter's value: what it notices, and what it does not concern itself with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from karma_core.checksum import checksum, intact, is_damaged, renewed
from karma_core.errors import BadInput
from karma_core.model import Provenance
from karma_core.plan.runtime import description_of, run_of
from karma_core.provenance import describe, read_description
from karma_core.records import Parameter, ParameterKind

NAME, VALUE = "/iac/vpc/core/config", '{"cidr":"10.0.0.0/16"}'
PROVENANCE = Provenance(commit="c" * 40, path="iac/dev/vpc/core/config.json", change="C1")


def described(text: str = "config", *, version: int = 3, value: str = VALUE) -> Parameter:
    """A parameter as Karma writes configs, or runtimes."""
    check = checksum(NAME, version, value)
    config = text == "config"
    description = describe(PROVENANCE, check) if config else description_of("vpc/core", "R-1", check)
    return Parameter(name=NAME, value=value, version=version, description=description)


@pytest.mark.parametrize("text", ["config", "runtime"])
def test_every_flipped_bit_of_a_value_is_noticed(text: str) -> None:
    """In a key, in a value, in the layout; what was written is not."""
    whole = described(text)
    assert not is_damaged(whole)
    assert intact(whole) is whole
    for place in range(len(VALUE)):
        for bit in range(7):
            other = VALUE[:place] + chr(ord(VALUE[place]) ^ 1 << bit) + VALUE[place + 1 :]
            with pytest.raises(BadInput) as caught:
                intact(replace(whole, value=other))
            assert caught.value.code == "parameter-damaged"


def test_a_flipped_bit_of_a_name_is_noticed() -> None:
    """Else a component would seem to be gone, and another one to be new."""
    assert is_damaged(replace(described(), name=NAME.replace("core", "cora")))


@given(value=st.text(min_size=1, max_size=50), version=st.integers(1, 10**9))
def test_what_was_written_is_intact(value: str, version: int) -> None:
    """Whatever the value and the version."""
    assert not is_damaged(described(version=version, value=value))


def test_what_has_no_checksum_of_its_version_is_taken_as_it_is() -> None:
    """Written by an earlier Karma, by a module, or by hand under the description that was there."""
    by_hand = replace(described(), value="{}", version=4)
    for description in ("", "by hand", describe(PROVENANCE), description_of("vpc/core", "R-1")):
        assert not is_damaged(replace(by_hand, description=description))
    assert not is_damaged(by_hand)


def test_secret_values_are_not_checked() -> None:
    """Their digests would be told by their descriptions."""
    assert not is_damaged(replace(described(), kind=ParameterKind.SECURE, value="other"))
    assert not is_damaged(replace(described(), value=None))


def test_the_descriptions_say_what_they_said() -> None:
    """Provenance and run are read as before, also by an earlier Karma where there is provenance."""
    assert read_description(described().description) == PROVENANCE
    assert run_of(described("runtime").description) == "R-1"
    assert run_of("Runtime of a/b, published by Karma in run R-2") == "R-2"


@pytest.mark.parametrize("text", ["config", "runtime"])
def test_a_checksum_is_renewed_for_another_version(text: str) -> None:
    """Of an intact value alone: damage is not made good by writing it again."""
    whole = described(text)
    again = replace(whole, version=9, description=renewed(whole, 9))
    assert not is_damaged(again)
    assert is_damaged(replace(again, value="{}"))
    damaged = replace(whole, value="{}")
    assert renewed(damaged, 9) == damaged.description
    plain = replace(whole, description="by hand")
    assert renewed(plain, 9) == "by hand"
