"""Callers whom an issuer of OIDC tokens proves: the claims of a token, and the person and role they give.

Pure: the token was verified before. A role follows from the rules of the settings alone; without one that
fits, a valid token is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, Protocol

from karma_core.claims import verified
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.model import Record
from karma_core.roles import Role

PROOF: Final = "oidc"
MAX_USER: Final = 200
"""Longest name of a user, in characters: that of a Karma token's."""


class Person(Record, frozen=True, kw_only=True):
    """Somebody who was recognised, and by what: a token's id, or an issuer's proof.

    `environments` are those in which the proof gives a role, for issuers; a token counts in its own alone.
    """

    user: str
    role: Role
    proof: str
    token_id: str = ""
    environments: tuple[str, ...] = ()


class Rule(Record, frozen=True, kw_only=True):
    """Claims → a role. Every claim has to match its pattern (`*`, `?`); no environments: in all of them."""

    claims: Mapping[str, str]
    role: Role
    environments: tuple[str, ...] = ()


class IssuerRules(Record, frozen=True, kw_only=True):
    """How the claims of one issuer are read. `name` is its name in the settings.

    `user_claim` names the caller (else `sub`). `separators` say how a claim that is a text holds several
    values; any other text is one value. `email_is_verified`: the issuer gives only verified addresses.
    """

    name: str
    user_claim: str
    email_is_verified: bool
    separators: Mapping[str, str]
    rules: tuple[Rule, ...]


class Returned(Record, frozen=True, kw_only=True):
    """What a browser brought back from an issuer, and what was kept meanwhile."""

    code: str
    redirect_uri: str
    nonce: str
    verifier: str


class Issuers(Protocol):
    """The issuers that the settings name. StoreUnavailable `issuer` where one does not answer."""

    def person(self, text: str, environment: str) -> Person | None:
        """Whom a token proves, with the role in the environment; None where it is none, or gives no role."""
        ...

    def names(self) -> tuple[str, ...]:
        """The issuers by which people can sign in to the pages, sorted."""
        ...

    def begin(self, name: str, redirect_uri: str) -> JsonObject:
        """Where to send a browser (`url`), and what to keep until then: `state`, `nonce`, `verifier`."""
        ...

    def finish(self, name: str, environment: str, returned: Returned) -> Person | None:
        """Who came back from an issuer; None where nobody is proven, or the claims give no role here."""
        ...


def person_of(
    claims: JsonMapping, rules: IssuerRules, environment: str, environments: tuple[str, ...]
) -> Person | None:
    """The person whom verified claims name, with the highest role that a rule gives in the environment.

    An e-mail address counts where it is verified, and is the person's name as it is. Any other name has the
    issuer's before it, `oidc:ISSUER:NAME`: two issuers may call two people the same.
    """
    known = claims if rules.email_is_verified else verified(claims)
    role = _role(known, rules, environment)
    user = _user(known, rules)
    if role is None or not user or len(user) > MAX_USER or not user.isprintable():
        return None
    others = tuple(name for name in environments if _role(known, rules, name) is not None)
    return Person(user=user, role=role, proof=PROOF, environments=others)


def _user(claims: JsonMapping, rules: IssuerRules) -> str:
    named = claims.get(rules.user_claim)
    if rules.user_claim == "email" and isinstance(named, str) and named:
        return named
    name = named if isinstance(named, str) and named else claims.get("sub")
    return f"{PROOF}:{rules.name}:{name}" if isinstance(name, str) and name else ""


def _role(claims: JsonMapping, rules: IssuerRules, environment: str) -> Role | None:
    given = [
        rule.role
        for rule in rules.rules
        if (not rule.environments or environment in rule.environments)
        and _fits(claims, rule, rules.separators)
    ]
    return max(given, key=list(Role).index, default=None)


def _fits(claims: JsonMapping, rule: Rule, separators: Mapping[str, str]) -> bool:
    """Whether every claim of a rule is there and matches; of several values, one has to."""
    return bool(rule.claims) and all(
        any(fnmatchcase(value, pattern) for value in _values(claims.get(name), separators.get(name, "")))
        for name, pattern in rule.claims.items()
    )


def _values(claim: JsonValue, separator: str) -> list[str]:
    """The values of a claim, as texts."""
    if isinstance(claim, list):
        return [text for one in claim for text in _values(one, "")]
    if isinstance(claim, bool):
        return ["true" if claim else "false"]
    if isinstance(claim, int):
        return [str(claim)]
    if not isinstance(claim, str):
        return []
    return [value for value in claim.split(separator) if value] if separator else [claim]
