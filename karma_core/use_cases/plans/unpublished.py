"""The plan's finding `unpublished`: configs of the work tree that are not published.

They are new, changed, removed from Git, have diverged, or cannot be published as they are. A stored config
that Karma never published was never in Git: that Git does not have it is no difference. A config that a
change moved, and Git has not had since, is not Git's to publish either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from karma_core.counting import counted, listed
from karma_core.errors import NotFound, Refused
from karma_core.model import Finding, Severity, about_environment
from karma_core.needs import Context, GitComparison
from karma_core.plan.document import UNPUBLISHED
from karma_core.provenance import read_description
from karma_core.records import Parameter
from karma_core.use_cases.configs.comparison import Comparison, compare
from karma_core.use_cases.fleet.fleet import Fleet


def unpublished(workspace: GitComparison, fleet: Fleet) -> Iterator[Finding]:
    """The finding, if there is anything to say; nothing where there is no work tree of the environment."""
    invalid: list[Finding] = []
    try:
        comparison = compare(workspace, stored=_stored(fleet), invalid=invalid)
    except (NotFound, Refused):  # Refused where this process has no checkout
        return
    kinds = {
        "new": [intent.address for intent in comparison.intents if intent.stored is None],
        "changed": [intent.address for intent in comparison.intents if intent.stored is not None],
        "removed": left_git(comparison),
        "diverged": [diverged.address for diverged in comparison.diverged],
        "invalid": sorted({finding.component for finding in invalid}),
    }
    if any(kinds.values()):
        yield _finding(workspace, kinds, invalid)


def removed_alone(workspace: Context, comparison: Comparison) -> tuple[Finding, ...]:
    """The finding about configs that left Git or diverged: a plan of the work tree has what is published."""
    diverged = [config.address for config in comparison.diverged]
    kinds = {"removed": left_git(comparison), "diverged": diverged}
    return (_finding(workspace, kinds, ()),) if any(kinds.values()) else ()


def left_git(comparison: Comparison) -> list[str]:
    """Stored configs that Karma published and Git does not have any more, sorted."""
    return sorted(a for a, stored in comparison.removed.items() if read_description(stored.description))


def _stored(fleet: Fleet) -> dict[str, Parameter] | None:
    """The stored configs as the fleet has them; None where one is secret and has to be read anew."""
    held = {a: c.config.parameter for a, c in fleet.inventory.components.items() if c.config is not None}
    return None if any(parameter.value is None for parameter in held.values()) else held


def _finding(
    workspace: Context, kinds: Mapping[str, Collection[str]], invalid: Collection[Finding]
) -> Finding:
    every = sorted({address for addresses in kinds.values() for address in addresses})
    kind = ", ".join(f"{len(addresses)} {name}" for name, addresses in kinds.items() if addresses)
    count = counted(len(every), "config of the work tree is", "configs of the work tree are")
    sentences = [f"{count} not published ({kind}): {listed(every)}", *_advice(kinds)]
    if invalid:
        places = [f"{f.pointer} ({f.code})" for f in sorted(invalid, key=lambda finding: finding.order)]
        sentences.append(
            f"these cannot be published, and nothing is before they are corrected: {listed(places)}"
        )
    return Finding(
        code=UNPUBLISHED,
        severity=Severity.WARNING,
        component=about_environment(workspace.name),
        pointer="",
        message="; ".join(sentences),
    )


def _advice(kinds: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield the commands to run next."""
    if kinds.get("new") or kinds.get("changed"):
        yield "`karma config publish` publishes, `karma plan --from-worktree` plans them as they are"
    if kinds.get("removed"):
        yield "`karma config publish --prune` removes what left Git, once it is destroyed"
    if kinds.get("diverged"):
        yield "`karma config diff` shows what Git and a change both edited"
