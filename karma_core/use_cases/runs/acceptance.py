"""A person says that something is right which Karma doubts: `karma doctor --accept KIND:NAME`.

Each kind of doubt has one function here, in `KINDS`. Whoever adds one says what it does to the records, so
that the doubt is gone and everything is decided by what is there now; nothing is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from karma_core.errors import KarmaError, LogTampered, NotFound, Refused, UsageError
from karma_core.events import log_event
from karma_core.ids import Address
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.needs import Accepting
from karma_core.outcomes import Phase
from karma_core.plan.heights import STATE_CODES, shown_height
from karma_core.plan.unseen import MAYBE_CREATED
from karma_core.records import ACCEPTED, Applied, JournalEntry, StateHeight
from karma_core.use_cases import leasing
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.fleet import creations, heights
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.states import state_error

ACTION: Final = "accept"
"""The action in the log, and the step in the journal."""


class Accepted(Record, frozen=True, kw_only=True):
    """What was accepted. `doubt` is the code of the finding that it ends; `was` and `now` say it in words.

    `resources` are the Terraform resources that were in doubt, where the doubt was about some.
    """

    kind: str
    name: str
    doubt: str
    was: str
    now: str
    next_step: str
    component: str | None = None
    resources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def contract(self) -> JsonObject:
        """The JSON of `karma doctor --accept --json`."""
        fields = ("kind", "name", "doubt", "was", "now", "next_step")
        said = {name: getattr(self, name) for name in fields}
        lists = {"resources": list(self.resources), "warnings": list(self.warnings)}
        return {"status": "succeeded", **said, **lists}


Say = Callable[[Accepted], None]
"""Logs what is accepted. It is called before anything is written: a log that is not whole comes first."""
Accept = Callable[[Accepting, str, Say], Accepted]
"""Accepts what has this name, of one kind; Refused `nothing-to-accept` where nobody doubts it."""


def accept(workspace: Accepting, wanted: str) -> Accepted:
    """Accept `KIND:NAME`, and say so in the log.

    UsageError for another kind. Asked of whoever may request changes (`require_requester`). LeaseHeld while a
    run is at work on it.
    """
    kind, _, name = wanted.partition(":")
    accept_it = KINDS.get(kind)
    if accept_it is None or not name:
        raise UsageError(
            f"{wanted!r} is nothing that can be accepted",
            why=f"it is written KIND:NAME, and the kinds are {', '.join(sorted(KINDS))}",
            next_step="`karma doctor` lists what is in doubt",
        )
    check_binding(workspace)
    workspace = require_requester(workspace, "")
    return accept_it(workspace, name, lambda accepted: _log(workspace, accepted))


def _log(workspace: Accepting, accepted: Accepted) -> None:
    inputs: JsonObject = {
        "kind": accepted.kind,
        "name": accepted.name,
        "reason": accepted.doubt,
        "was": accepted.was,
        "now": accepted.now,
    }
    if accepted.resources:
        inputs["resources"] = list(accepted.resources)
    log_event(workspace, ACTION, Phase.SUCCEEDED, accepted.component, inputs=inputs)


def nothing_to_accept(name: str, why: str) -> KarmaError:
    """The error of what nobody doubts."""
    return Refused(
        f"there is nothing to accept about {name}",
        why=why,
        next_step="`karma doctor` lists what is in doubt",
        code="nothing-to-accept",
    )


# -- state:ADDRESS ------------------------------------------------------------------------------------------


def accept_state(workspace: Accepting, name: str, say: Say) -> Accepted:
    """Take a component's Terraform state for what it is now: lost, another, or older.

    Its record keeps the present height, and the component is planned against it: what is not in the state is
    created. NotFound where it is not deployed.
    """
    address = str(Address.parse(name))
    heights.require_level(workspace)
    with leasing.held(workspace, [leasing.component_lease(address)], wait_seconds=0):
        record = workspace.state.applied(address)
        if record is None:
            raise NotFound(
                f"{address} is not deployed",
                why="Karma has no record of an apply of it in this environment",
                next_step="`karma graph show` lists deployed components",
                component=address,
            )
        error = state_error(workspace, record)
        if error is None:
            raise nothing_to_accept(f"state:{address}", "the state is as the last apply left it, or further")
        if error.code not in STATE_CODES:
            raise error
        present = workspace.terraform.height(address)
        accepted = Accepted(
            kind="state",
            name=address,
            doubt=error.code,
            was=shown_height(record.state),
            now=shown_height(present),
            next_step=f"`karma plan {address}` shows what a deploy would do with the state as it is",
            component=address,
        )
        say(accepted)
        _keep(workspace, record, present)
    return replace(accepted, warnings=heights.note(workspace))


def _keep(workspace: Accepting, record: Applied, present: StateHeight | None) -> None:
    """Keep the present height in a new generation that has to run, whatever its fingerprint."""
    entry = JournalEntry(
        run_id=workspace.new_id(),
        address=record.address,
        generation=workspace.state.next_generation(record.address),
        step=ACTION,
        status=Phase.SUCCEEDED,
        at=workspace.now(),
    )
    accepted = replace(
        record,
        generation=entry.generation,
        status=ACCEPTED,
        fingerprint="",
        good_config=record.config if record.succeeded else record.good_config,
        state=present,
        begun="",
    )
    workspace.state.journal(entry, applied=accepted)


# -- maybe-created:ADDRESS ----------------------------------------------------------------------------------


def accept_created(workspace: Accepting, name: str, say: Say) -> Accepted:
    """Take a component's state to have all that exists, although an apply of it was killed."""
    address = str(Address.parse(name))
    with leasing.held(workspace, [leasing.component_lease(address)], wait_seconds=0):
        resources = creations.maybe_created(workspace, address)
        if not resources:
            raise nothing_to_accept(
                f"{MAYBE_CREATED}:{address}", "no apply of it was killed, or its state has everything"
            )
        accepted = Accepted(
            kind=MAYBE_CREATED,
            name=address,
            doubt=MAYBE_CREATED,
            was=f"an apply was killed while it created {', '.join(resources)}",
            now="the state has all that exists",
            next_step=f"`karma plan {address}` shows what a deploy would do with the state as it is",
            component=address,
            resources=resources,
        )
        say(accepted)
        workspace.terraform.accept_created(address)
        creations.note_ended(workspace, address)
    return accepted


# -- store:NAME ---------------------------------------------------------------------------------------------


def accept_store(workspace: Accepting, name: str, say: Say) -> Accepted:
    """Take the log as it is; or the state store and the parameters, whichever of the two is named."""
    if name == LOG:
        return _accept_log(workspace, say)
    if name not in STORES:
        raise UsageError(
            f"there is no store {name!r} that could be accepted",
            why=f"the stores are {', '.join((LOG, *STORES))}",
            next_step="`karma doctor` lists what is in doubt",
        )
    behind = [f.message for f in heights.findings(workspace) if f"store:{name}" in f.message]
    if not behind:
        raise nothing_to_accept(f"store:{name}", "no other store has seen it further on")
    accepted = Accepted(
        kind="store",
        name=name,
        doubt=heights.OLDER,
        was="; ".join(sentence.removesuffix(".") for sentence in behind),
        now="both are taken as they are",
        next_step="`karma plan --all` shows what a deploy would do with the stores as they are",
    )
    say(accepted)
    heights.accept(workspace)
    return accepted


def _accept_log(workspace: Accepting, say: Say) -> Accepted:
    """Bring the log back from a copy that is whole, or take it as it is; only then can it be logged."""
    doubt = workspace.log.doubt()
    if not doubt:
        raise nothing_to_accept(f"store:{LOG}", "the log agrees with its head in the state store")
    accepted = Accepted(
        kind="store",
        name=LOG,
        doubt=LogTampered.code,
        was=doubt,
        now=workspace.log.accept(),
        next_step="`karma log verify` says whether all sinks agree; move a copy away that does not",
    )
    say(accepted)
    return accepted


LOG: Final = "log"
STORES: Final = ("parameters", "state")
KINDS: Final[Mapping[str, Accept]] = {
    "state": accept_state,
    "store": accept_store,
    MAYBE_CREATED: accept_created,
}
"""What can be accepted, by its kind."""
