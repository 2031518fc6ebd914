"""Evaluate a change on the current environment and on the environment that it would lead to."""

from __future__ import annotations

from collections.abc import Sequence

from karma_core import strictjson
from karma_core.changes import judgement
from karma_core.changes.record import Change, Edit
from karma_core.changes.request import read_request
from karma_core.ids import type_of
from karma_core.model import Finding, Provenance, Severity
from karma_core.needs import Context, FleetSource
from karma_core.policy.rules import Facts
from karma_core.provenance import describe
from karma_core.records import Parameter
from karma_core.use_cases.access.policy_evaluation import evaluate_edits, taking_over, world_of
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.changes.judged import Judged
from karma_core.use_cases.changes.run_judgement import judge_run
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph import kept_modules
from karma_core.use_cases.graph.build import inputs_token, read_fleet


def judge_change(workspace: FleetSource, change: Change) -> Judged:
    """Return the current verdict. Configs that are written already must still be the stored ones."""
    if change.runs_only:
        return judge_run(workspace, change)
    token = inputs_token(workspace)
    stored = tuple(workspace.parameters.read_tree(workspace.prefix))
    before = read_fleet(workspace, stored=stored)
    if change.written:
        edits, findings = change.edits, _moved_on(change.edits, before)
    else:
        request = read_request(change.request)
        edits, findings = judgement.edits_of(request.components, before.inventory)
    if findings:
        named = {f.component for f in findings} | {e.address for e in edits}
        known = [address for address in named if address in before.graph]
        return Judged(
            edits=edits,
            findings=findings,
            cone=tuple(sorted(before.graph.cone(*known))),
            reads=(),
            needs=(),
            versions={},
            token=token,
            fleet=None,
        )
    after = before if change.written else simulate(workspace, change.id, edits, stored=stored)
    return _judge(workspace, change, edits, (before, after), token)


def simulate(
    workspace: FleetSource,
    change_id: str,
    edits: Sequence[Edit],
    *,
    stored: Sequence[Parameter] | None = None,
) -> Fleet:
    """The environment as the edits would make it; `stored` are its parameters, read already."""
    return read_fleet(
        workspace,
        stored=stored,
        overlay={workspace.config_parameter(e.address): _stand_in(workspace, change_id, e) for e in edits},
    )


def _stand_in(workspace: Context, change_id: str, edit: Edit) -> Parameter | None:
    if edit.after is None:
        return None
    return Parameter(
        name=workspace.config_parameter(edit.address),
        value=strictjson.canonical(edit.after).decode(),
        version=edit.base_version + 1,
        description=describe(Provenance(change=change_id)),
    )


def _judge(
    workspace: FleetSource, change: Change, edits: tuple[Edit, ...], fleets: tuple[Fleet, Fleet], token: str
) -> Judged:
    before, after = map(world_of, fleets)
    cone, reads = judgement.reach(edits, before, after)
    facts = Facts(
        requested_by=change.requested_by,
        asked_by=change.asked_by,
        edits=taking_over(fleets[1], edits),
        cone=cone,
        users_of=judgement.deployed_users(edits, before),
        region=workspace.environment.region,
        foreign_prefixes=workspace.environment.foreign_prefixes,
        takes_over=fleets[1].moves,
    )
    evaluated = evaluate_edits(workspace, facts, {**fleets[0].definitions, **fleets[1].definitions})
    findings = {
        *judgement.judge(edits, before, after),
        *evaluated.findings,
        *policy_differs(workspace),
    }
    base = judgement.versions(before.inventory, {*cone, *(e.address for e in edits)})
    return Judged(
        edits=edits,
        findings=tuple(sorted(findings, key=lambda finding: finding.order)),
        cone=cone,
        reads=reads,
        needs=evaluated.needs,
        versions={**base},
        token=token,
        fleet=fleets[1],
        unseen=_unseen(edits, fleets[1]),
    )


def _unseen(edits: Sequence[Edit], fleet: Fleet) -> tuple[str, ...]:
    unknown = {finding.name for finding in fleet.findings if finding.code == kept_modules.UNKNOWN}
    return tuple(sorted(unknown & {type_of(edit.address) for edit in edits}))


def _moved_on(edits: Sequence[Edit], fleet: Fleet) -> tuple[Finding, ...]:
    """`stale-base`, where a written config has been changed since."""
    versions = judgement.versions(fleet.inventory, [edit.address for edit in edits])
    return tuple(
        Finding(
            code="stale-base",
            severity=Severity.ERROR,
            component=edit.address,
            pointer="",
            message=f"version {edit.written} was written, version {versions.get(edit.address, 0)} is there.",
        )
        for edit in edits
        if versions.get(edit.address, 0) != edit.written
    )
