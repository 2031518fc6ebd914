"""Decides what happens to each component, for plans and runs alike.

A component is blocked, or its fingerprint decides (`karma_core.plan.judge`). What blocks a component is known
before anything is applied: an error of the graph, a producer that was never deployed and is not part of the
run, a type without a module or without its engine, a resource that a killed apply may have created. Whatever
needs a blocked component is blocked with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property

from karma_core.errors import BadInput, DeployFailed, KarmaError, Refused
from karma_core.graph.validate import blocked as blocked_by_findings
from karma_core.ids import type_of
from karma_core.model import Finding, Record
from karma_core.plan.judge import UNWRITTEN, Judgement, Verdict, judge, with_lost_runtime
from karma_core.plan.publishable import UNREADABLE
from karma_core.plan.spread import Spread
from karma_core.plan.unseen import maybe_created
from karma_core.records import Applied
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.states import finding_of
from karma_core.use_cases.selection.selecting import why_blocked

ReadApplied = Callable[[str], Applied | None]
"""Gives the applied record of a component as the state store has it at this moment."""


class Block(Record, frozen=True, kw_only=True):
    """Why a component is not worked on. `finding` is set where the graph's findings do not say it already."""

    reason: str
    finding: Finding | None = None


def _as_read(_address: str) -> None:
    """Return None: no record is fresher than the fleet's."""


class Decider:
    """Decides for every component of one plan or run. The threads of one walk share it.

    `chosen` are the addresses that the selection means. `how` says of a component that changes what becomes
    of it ("will change", "was applied"). `applied` reads fresher records than the fleet holds.
    """

    def __init__(
        self, fleet: Fleet, chosen: Collection[str], how: str, *, applied: ReadApplied = _as_read
    ) -> None:
        self._fleet = fleet
        self.chosen = frozenset(chosen)
        self._applied = applied
        self.spread = Spread(how)

    @cached_property
    def blocked(self) -> Mapping[str, Block]:
        """The chosen components that nothing is done to, each with its reason. O(V+E) of the chosen part."""
        fleet = self._fleet
        stopped = blocked_by_findings(fleet.findings, fleet.graph) & self.chosen
        blocks = {address: Block(reason=why_blocked(fleet, address)) for address in stopped}
        for address in sorted(self.chosen - stopped):
            error = (
                self._maybe_created(address)
                or self._not_deployed(address)
                or self._producer_unreadable(address)
                or self._without_module(address)
                or fleet.values.engine_error(address)
            )
            if error is not None:
                blocks[address] = block_of(address, error)
        return {**self._consumers_of(blocks), **blocks}

    @property
    def members(self) -> frozenset[str]:
        """The chosen components that are not blocked from the start."""
        return self.chosen - self.blocked.keys()

    def decide(self, address: str) -> Judgement:
        """Decide what to do with a component, given what is known of its producers by now.

        Ask in dependency order: the answer is noted as part of the cone of what changes above.
        """
        fleet = self._fleet
        inputs = fleet.inputs(address)
        block = self.blocked.get(address)
        if block is not None:
            return Judgement(address=address, verdict=Verdict.BLOCKED, reason=block.reason, inputs=inputs)
        seen = self.spread.seen_from(fleet.graph.producers(address))
        if seen.anything:
            self.spread.reach((address, *fleet.written_by(address)))
        applied = self.applied(address)
        drifted = fleet.values.drifted(applied)
        lost, known = fleet.lost_runtime(address), address in fleet.recovered
        judgement = judge(
            address,
            inputs,
            applied,
            fleet.definition(address),
            seen,
            drifted=drifted,
            unwritten=fleet.unreadable(address) or (UNWRITTEN if lost and not known else ""),
        )
        return with_lost_runtime(judgement) if lost and known else judgement

    def applied(self, address: str) -> Applied | None:
        """Return the record to compare the component's inputs with: its own, or the one it takes over."""
        return self._applied(address) or self._fleet.deployed(address)

    def _maybe_created(self, address: str) -> DeployFailed | None:
        """`maybe-created`, where it is not known what a killed apply has made."""
        resources = self._fleet.maybe_created(address)
        return maybe_created(address, resources) if resources else None

    def _not_deployed(self, address: str) -> Refused | None:
        """`producer-not-deployed`, where a producer is neither deployed nor part of the plan or run."""
        fleet = self._fleet
        missing = [
            producer
            for producer in fleet.graph.producers(address)
            if not self.chosen & {producer, *fleet.writers_of(producer)}
            and fleet.values.runtime(producer) is None
            and fleet[producer].applied is None
        ]
        if not missing:
            return None
        return Refused(
            f"producer-not-deployed: {', '.join(missing)}",
            why=f"{address} needs it, and it is not part of this plan",
            next_step="deploy it first or add --with-producers, and do not --exclude it",
            code="producer-not-deployed",
        )

    def _producer_unreadable(self, address: str) -> Refused | None:
        """`runtime-unreadable`, where a producer's runtime cannot be read and nothing here writes it anew."""
        fleet = self._fleet
        for producer in fleet.graph.producers(address):
            fault = fleet.values.fault(producer)
            if fault and not self.chosen & {producer, *fleet.writers_of(producer)}:
                return Refused(
                    f"{UNREADABLE}: {producer}",
                    why=f"{address} needs its runtime, which cannot be read: {fault}",
                    next_step="deploy it first or add --with-producers, and do not --exclude it",
                    code=UNREADABLE,
                )
        return None

    def _without_module(self, address: str) -> BadInput | None:
        """`unknown-type`, where there is nothing that Terraform could run."""
        if self._fleet.values.module(address) is not None:
            return None
        component_type = type_of(address)
        return BadInput(
            f"{address} cannot be planned",
            why=f"the type {component_type} has no Terraform module",
            next_step=f"add components/{component_type}/main.tf",
            code="unknown-type",
        )

    def _consumers_of(self, blocks: Mapping[str, Block]) -> dict[str, Block]:
        """Return the chosen components that wait for a blocked one, each with the first that blocks it."""
        waiting: dict[str, list[str]] = {}
        for address in self.chosen:
            for producer in self._fleet.waits_for(address):
                waiting.setdefault(producer, []).append(address)
        behind: dict[str, Block] = {}
        for root in sorted(blocks):
            todo = [root]
            while todo:
                for consumer in waiting.get(todo.pop(), ()):
                    if consumer not in blocks and consumer not in behind:
                        behind[consumer] = Block(reason=f"it needs {root}, which is blocked")
                        todo.append(consumer)
        return behind


def may_move(fleet: Fleet, chosen: Collection[str]) -> set[str]:
    """Return the chosen components that are not up to date, and those that may follow; none is blocked."""
    decider = Decider(fleet, chosen, "")
    restless = [a for a in decider.members if decider.decide(a).verdict is not Verdict.UNCHANGED]
    return set(decider.members & fleet.graph.cone(*restless)) if restless else set()


def block_of(address: str, error: KarmaError) -> Block:
    """Return the block for a component's own error, with its finding."""
    return Block(reason=in_one_line(error), finding=finding_of(address, error))


def in_one_line(error: KarmaError) -> str:
    """An error as a reason: what failed, the first line of why, and what to do."""
    said = what_and_why(error)
    return f"{said}; {error.next_step}" if error.next_step else said


def what_and_why(error: KarmaError) -> str:
    """What failed, and the first line of why."""
    first = next((line.strip() for line in error.why.splitlines() if line.strip()), "")
    return f"{error.what}: {first}" if first else error.what
