"""Persons: one name for everybody, whatever name they were proven under."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from karma_core.errors import SettingsError
from karma_core.model import Record

_ASSUMED_ROLE: Final = re.compile(r"arn:(aws[a-z-]*):sts::(\d+):assumed-role/([^/]+)/.+\Z")
"""The ARN of a session of a role (AWS IAM user guide, "IAM identifiers"); its role has another one."""
_ROLE: Final = re.compile(r"arn:(aws[a-z-]*):(?:iam::(\d+):role/(?:.+/)?|sts::(\d+):assumed-role/)([^/]+)\Z")
"""The ARN of a role, with the path that sessions leave out; or the ARN of a session without its name."""
_SIGN_ON: Final = ":role/awsreservedsso_"
"""In the ARN of a role of IAM Identity Center, which names its sessions for its users (its user guide,
"Referencing permission sets"). Sessions of other roles are named by whoever assumes them."""
_TOKEN_USER: Final = "token:"  # noqa: S105 - no secret
"""Prefix in karma.toml of a token's user, who is recorded without it."""
_WEBHOOK: Final = "webhook:"
"""Prefix with which the author of a delivery is recorded; in karma.toml it is `github:` as well."""


class Identities(Record, frozen=True, kw_only=True):
    """`[identities]`: person → the names under which they are proven. Names compare in one normal form."""

    people: dict[str, tuple[str, ...]] = {}

    def person(self, name: str) -> str:
        """Return the person with a name; without a mapping, the name in normal form.

        Sessions of a role are one person, the role, unless IAM Identity Center names them: else two sessions
        of one's own would be two persons.
        """
        owners, forms = self._owners(), _forms(name)
        role = next((form for form in forms[1:] if _ROLE.match(form) and _SIGN_ON not in form), forms[0])
        return next((owners[form] for form in forms if form in owners), role)

    def same(self, one: str, other: str) -> bool:
        """Whether two names are those of one person."""
        return self.person(one) == self.person(other)

    def matches(self, name: str, patterns: Iterable[str]) -> bool:
        """Whether a pattern (`*`, `?`) names the person or the name as it was proven."""
        forms = {self.person(name), *_forms(name)}
        return any(fnmatchcase(form, normal(pattern)) for pattern in patterns for form in forms)

    def _owners(self) -> dict[str, str]:
        """Normal form of a name → the person whose it is."""
        owners: dict[str, str] = {}
        for person, names in self.people.items():
            for name in (person, *names):
                owners.update(dict.fromkeys(_claims(name), normal(person)))
        return owners


def read_identities(people: Mapping[str, Iterable[str]]) -> Identities:
    """The identities of a table of settings; SettingsError where two persons claim one name."""
    claimed: dict[str, str] = {}
    for person in sorted(people):
        for name in (person, *people[person]):
            for form in _claims(name):
                other = claimed.setdefault(form, person)
                if normal(other) != normal(person):
                    raise SettingsError(
                        "the identities cannot be used",
                        why=f"{name!r} is claimed by both {other!r} and {person!r}",
                        next_step="give each name to one person in [identities]",
                    )
    return Identities(people={person: tuple(names) for person, names in sorted(people.items())})


def normal(name: str) -> str:
    """The form in which names are compared: Unicode NFKC, case folded, without blanks around."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _claims(name: str) -> tuple[str, ...]:
    """The forms that an entry of the mapping stands for.

    A login elsewhere (`github:bob`) is not the user of that name here, who may be somebody else.
    """
    form = normal(name)
    role = _ROLE.match(form)
    if role:
        return tuple(dict.fromkeys((form, f"arn:{role[1]}:iam::{role[2] or role[3]}:role/{role[4]}")))
    return tuple(dict.fromkeys((form, form.removeprefix(_TOKEN_USER))))


def _forms(name: str) -> tuple[str, ...]:
    """The forms of a proven name: itself, the login of a delivery's author, the role of an AWS session."""
    form = normal(name)
    if form.startswith(_WEBHOOK):
        return (form, f"github:{form.removeprefix(_WEBHOOK)}")
    session = _ASSUMED_ROLE.match(form)
    return (form, f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}") if session else (form,)
