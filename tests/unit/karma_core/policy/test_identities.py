"""One person under all their names."""

from __future__ import annotations

import pytest

from karma_core.errors import SettingsError
from karma_core.policy.identities import Identities, read_identities

PEOPLE = read_identities(
    {
        "ann": ["ann@example.org", "github:Ann-Dev", "arn:aws:iam::123456789012:role/Deployers"],
        "bob": ["arn:aws:sts::123456789012:assumed-role/Admin/bob"],
    }
)
SESSION = "arn:aws:sts::123456789012:assumed-role/{}/{}"


@pytest.mark.parametrize(
    "name",
    [
        "ann",
        " ANN ",
        "Ann@Example.ORG",
        "webhook:Ann-Dev",
        "github:ann-dev",
        SESSION.format("Deployers", "x"),
    ],
)
def test_every_name_leads_to_the_person(name: str) -> None:
    """Case, blanks and where it comes from do not matter; a session stands for its role."""
    assert PEOPLE.person(name) == "ann"


def test_a_session_may_be_one_persons() -> None:
    """Another session of the same role is somebody else."""
    assert PEOPLE.person(SESSION.format("Admin", "bob")) == "bob"
    assert PEOPLE.person(SESSION.format("Admin", "eve")) != "bob"


def test_who_is_not_listed_is_themselves() -> None:
    """In the same normal form."""
    assert Identities().same("Eve", "eve ")
    assert not Identities().same("eve", "ann")
    assert Identities().same("\uff45ve", "eve")  # a full-width letter


def test_patterns_match_the_person_and_the_proven_name() -> None:
    """Whatever their case."""
    assert PEOPLE.matches("webhook:ann-dev", ["ANN"])
    assert PEOPLE.matches("Ann@example.org", ["*@EXAMPLE.org"])
    assert not PEOPLE.matches("webhook:ann-dev", ["*@example.org"])


def test_a_name_belongs_to_one_person() -> None:
    """Two would make a distinct approver of one."""
    with pytest.raises(SettingsError, match="claimed"):
        read_identities({"ann": ["x@example.org"], "bob": ["X@example.org"]})


def test_a_webhook_author_and_a_token_of_one_person_are_one() -> None:
    """As the API records them: `webhook:LOGIN` of a delivery, the plain user of a token."""
    people = read_identities({"ann": ["github:ann-dev", "token:ann@example.org"]})
    assert people.same("webhook:ann-dev", "ann@example.org")


def test_a_login_elsewhere_is_not_the_user_of_that_name() -> None:
    """Who is bob on GitHub is not taken for the bob who has a token here."""
    people = read_identities({"ann": ["github:bob"], "robert": ["token:bob"]})
    assert people.person("bob") == "robert"
    assert people.person("webhook:bob") == "ann"
    assert not read_identities({"ann": ["github:bob"]}).matches("bob", ["ann"])


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::123456789012:role/team/blue/Deployers",
        "arn:aws:sts::123456789012:assumed-role/Deployers",
        "arn:aws:iam::123456789012:role/deployers",
    ],
)
def test_a_session_is_its_role_however_that_is_written(role: str) -> None:
    """AWS leaves the path out of a session's ARN."""
    assert read_identities({"ann": [role]}).person(SESSION.format("Deployers", "x")) == "ann"


def test_two_sessions_of_a_role_are_not_two_persons() -> None:
    """Whoever assumes a role names the session; those of IAM Identity Center are named for its users."""
    people = Identities()
    assert people.same(SESSION.format("Deployers", "one"), SESSION.format("Deployers", "two"))
    assert not people.same(SESSION.format("Deployers", "one"), SESSION.format("Admins", "one"))
    role = "AWSReservedSSO_Admin_0123456789abcdef"
    assert not people.same(SESSION.format(role, "ann"), SESSION.format(role, "bob"))
