"""What `check` blocks warn of: their assertions that do not hold, and what they could not look at.

Sources of the forms: Terraform's JSON output format, `checks`; its state format 4, `check_results`. The
conditions of resources, outputs and variables stand there too: those fail a plan or an apply by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from karma_core.json_types import JsonMapping

_KIND: Final = "check"
_FAILED: Final = "fail"
_UNANSWERED: Final = "error"


def of_plan(document: JsonMapping) -> Iterator[str]:
    """`check.NAME: message` for each assertion that fails in a plan; those of unknown values are not told."""
    for one in document.get("checks") or ():
        if one["address"].get("kind") == _KIND:
            for instance in one.get("instances") or ():
                problems = [str(problem.get("message", "")) for problem in instance.get("problems") or ()]
                yield from _said(instance["address"]["to_display"], instance["status"], problems)


def of_state(state: JsonMapping) -> Iterator[str]:
    """The same as an apply has left it in the state."""
    for one in state.get("check_results") or ():
        if one.get("object_kind") == _KIND:
            for instance in one.get("objects") or ():
                messages = map(str, instance.get("failure_messages") or ())
                yield from _said(instance["object_addr"], instance["status"], messages)


def _said(address: str, status: str, messages: Iterable[str]) -> Iterator[str]:
    if status == _UNANSWERED:
        yield f"{address}: it could not be evaluated"
    elif status == _FAILED:
        yield from (f"{address}: {' '.join(message.split())}" for message in sorted(messages))
