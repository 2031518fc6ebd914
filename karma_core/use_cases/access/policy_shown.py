"""The policy in force as people read it: rule by rule, with where it comes from."""

from __future__ import annotations

import json

from msgspec.structs import fields, replace

from karma_core.errors import BadInput
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import Record, to_builtins
from karma_core.needs import FleetSource
from karma_core.policy.document import Policy
from karma_core.policy.published import PublishedPolicy, laxer
from karma_core.use_cases.access.policy_in_force import local_policy, read_in_force


class ShownRule(Record, frozen=True, kw_only=True):
    """One rule that is set. `source`: published, checkout, or both."""

    name: str
    value: str
    source: str


class ShownPolicy(Record, frozen=True, kw_only=True):
    """The rules in force.

    `differing`: (rule, published value, the checkout's value) of those that are not the same.
    """

    environment: str
    published: bool
    rules: tuple[ShownRule, ...]
    differing: tuple[tuple[str, str, str], ...]
    laxer: tuple[str, ...]

    def contract(self) -> JsonObject:
        """The JSON of `karma policy show --json`."""
        return {
            "environment": self.environment,
            "published": self.published,
            "rules": to_builtins(self.rules),
            "differing": [
                {"rule": rule, "published": published, "checkout": checkout}
                for rule, published, checkout in self.differing
            ],
            "laxer": list(self.laxer),
        }


def differing_rules(workspace: FleetSource) -> tuple[tuple[str, str, str], ...]:
    """(rule, published value, the checkout's value) of what publishing would alter.

    Of a published policy that cannot be read nothing is known: then it is all that the checkout says.
    """
    try:
        return shown_policy(workspace).differing
    except BadInput:
        return _differing({}, _said(local_policy(workspace)))


def shown_policy(workspace: FleetSource) -> ShownPolicy:
    """The rules of now. BadInput `policy-unreadable` where the published policy cannot be read."""
    published, local = read_in_force(workspace), local_policy(workspace)
    theirs, ours = _said(published or PublishedPolicy()), _said(local)
    rules = []
    for name in sorted(theirs.keys() | ours.keys()):
        sources = [s for s, said in (("published", theirs), ("checkout", ours)) if name in said]
        same = len(sources) == 2 and theirs[name] == ours[name]  # noqa: PLR2004 - both
        for source in ["both"] if same else sources:
            said = theirs if source == "published" else ours
            rules.append(ShownRule(name=name, value=said[name], source=source))
    comparable = replace(local, identities=published.identities) if published else local
    return ShownPolicy(
        environment=workspace.name,
        published=published is not None,
        rules=tuple(rules),
        differing=_differing(theirs, ours),
        laxer=tuple(laxer(comparable, published)) if published else (),
    )


def _differing(theirs: dict[str, str], ours: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    names = sorted(theirs.keys() | ours.keys())
    return tuple((n, theirs.get(n, ""), ours.get(n, "")) for n in names if theirs.get(n) != ours.get(n))


def _said(document: PublishedPolicy) -> dict[str, str]:
    """Return every rule of a document that differs from its default, as text."""
    policy, default = document.rules, Policy()
    said = {
        field.name: _text(getattr(policy, field.name))
        for field in fields(Policy)
        if getattr(policy, field.name) != getattr(default, field.name)
    }
    said |= {f"identities.{person}": _text(names) for person, names in document.identities.items()}
    for name, protection in document.types.items():
        said[f"types.{name}"] = _text(protection)
    said |= {f"shares.{name}": _text(readers) for name, readers in document.shares.items()}
    return said


def _text(value: JsonValue) -> str:
    return json.dumps(to_builtins(value), ensure_ascii=False, sort_keys=True)
