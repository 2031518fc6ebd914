"""The published policy, which the gate reads: a parameter beside the configs, `<prefix>/_policy`.

The stricter of the published policy and the checkout's holds; a laxer checkout gets a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from karma_core import documents, strictjson
from karma_core.documents import Document
from karma_core.errors import BadInput, SettingsError
from karma_core.json_types import JsonObject
from karma_core.policy.document import Policy, read_policy
from karma_core.policy.identities import Identities, read_identities

NAME: Final = "_policy"
"""Name of the parameter below the prefix; no component type begins with an underscore."""


class Protection(Document, frozen=True, kw_only=True):
    """The protection in a type's definition."""

    protected: bool = False
    protected_fields: list[str] = []


class PublishedPolicy(Document, frozen=True, kw_only=True):
    """The published document: `[policy]`, `[identities]`, and what the types' definitions protect.

    `shares`: type → the types that take its secrets without an approval.
    """

    policy: JsonObject = {}
    identities: dict[str, list[str]] = {}
    types: dict[str, Protection] = {}
    shares: dict[str, list[str]] = {}

    @property
    def rules(self) -> Policy:
        """The policy in the document."""
        return read_policy(self.policy)

    @property
    def people(self) -> Identities:
        """The identities in the document."""
        return read_identities(self.identities)


def parameter_name(prefix: str) -> str:
    """Name of the parameter that holds the published policy."""
    return f"{prefix}/{NAME}"


def read_published(raw: str, *, where: str) -> PublishedPolicy:
    """The document in a parameter's value; BadInput `policy-unreadable`: it is never taken for empty."""
    try:
        policy = documents.read(
            PublishedPolicy, strictjson.parse_object(raw.encode("utf-8", "surrogatepass"), where=where)
        )
        _ = policy.rules, policy.people
    except (documents.Faults, BadInput, SettingsError) as error:
        why = error.why if isinstance(error, BadInput | SettingsError) else error.summary(whole="document")
        raise BadInput(
            f"the published policy in {where} cannot be read",
            why=why,
            next_step="publish it anew: `karma policy publish`; until then nothing is applied",
            code="policy-unreadable",
        ) from error
    return policy


def laxer(local: PublishedPolicy, published: PublishedPolicy) -> Iterator[str]:
    """Yield a sentence for each rule in which the local policy is laxer than the published one."""
    ours, theirs = local.rules, published.rules
    for name in ("require_approval", "distinct_approver", "destroy_needs_approval"):
        if getattr(theirs, name) and not getattr(ours, name):
            yield f"{name} is true in the published policy"
    for name in ("requesters", "approvers"):
        wanted, given = getattr(theirs, name), getattr(ours, name)
        if wanted and not (given and set(given) <= set(wanted)):
            yield f"{name} are {', '.join(wanted)} in the published policy"
    if not set(ours.overriders) <= set(theirs.overriders):
        yield f"overriders are {', '.join(theirs.overriders) or 'nobody'} in the published policy"
    unprotected = sorted(set(theirs.protected) - set(ours.protected))
    if unprotected:
        yield f"{', '.join(unprotected)} protected in the published policy"
    if theirs.protected_fields == "reject" and ours.protected_fields != "reject":
        yield "protected_fields is reject in the published policy"
    if (
        theirs.largest_cone is not None
        and (ours.largest_cone or theirs.largest_cone + 1) > theirs.largest_cone
    ):
        yield f"largest_cone is {theirs.largest_cone} in the published policy"
    if ours.approval_hours > theirs.approval_hours:
        yield f"approval_hours is {theirs.approval_hours:g} in the published policy"
    if theirs.on_failure == "roll_back" and ours.on_failure != "roll_back":
        yield "on_failure is roll_back in the published policy"
    yield from (f"the freeze {f.reason!r} is published" for f in theirs.freeze if f not in ours.freeze)
    yield from _unprotected(local.types, published.types)
    yield from _shared(local.shares, published.shares)


def _shared(ours: Mapping[str, list[str]], theirs: Mapping[str, list[str]]) -> Iterator[str]:
    for producer, readers in sorted(ours.items()):
        more = sorted(set(readers) - set(theirs.get(producer, ())))
        if more:
            yield f"{', '.join(more)} may not take the secrets of {producer} in the published policy"


def _unprotected(ours: Mapping[str, Protection], theirs: Mapping[str, Protection]) -> Iterator[str]:
    for component_type, wanted in sorted(theirs.items()):
        given = ours.get(component_type, Protection())
        if wanted.protected and not given.protected:
            yield f"the type {component_type} is protected in the published policy"
        fields = sorted(set(wanted.protected_fields) - set(given.protected_fields))
        if fields:
            yield f"{', '.join(fields)} of {component_type} protected in the published policy"
