"""Every rule holds at every entry point, whichever policy the checkout has."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial

import pytest

from karma_adapters.aws.eventbridge_runs import FLOWS as BUS_FLOWS
from karma_adapters.local.thread_runs import FLOWS as THREAD_FLOWS
from karma_core.component_types import TypeDefinition
from karma_core.errors import Refused
from karma_core.policy.document import Policy
from karma_core.policy.published import Protection
from karma_core.use_cases.orders.entry_points import COMMANDS, FLOWS, ROUTES, Leads
from tests.gate_table import commands, flow_runs, routes, situations
from tests.gate_table.entry import Drivers, Entry
from tests.gate_table.outcome import outcome
from tests.gate_table.rules import ROWS, Row
from tests.gate_table.situations import COMMIT, prepared

ENTRIES = (*commands.entries(), *flow_runs.entries(), *routes.entries())
APPLYING = {Leads.ORDER, Leads.CHANGE}
NO_RULES = {
    "description",
    "config_schema",
    "references",
    "match",
    "consumes",
    "propagation",
    "provisioner_credentials",
    "reload",
    "runtime",
    "share_secrets_with",
    "terraform",
    "variables",
}
"""What a component.yaml may hold beside rules.

`share_secrets_with` lifts one, which no checkout does beyond the published policy (test_shares.py)."""


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    """Commands, flows and routes of this process, over environments in memory."""
    with pytest.MonkeyPatch.context() as patch:
        flows = flow_runs.FlowRuns(patch)
        yield Drivers(
            commands=commands.Commands(patch, tmp_path_factory.mktemp("project")),
            flows=flows,
            api=routes.Api(flows),
        )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule} {row.expected['change']}")
def test_a_rule_holds_at_an_entry_point(row: Row, entry: Entry, drivers: Drivers) -> None:
    """Refused with the rule's code, waiting, or let through: only then has Terraform applied anything.

    The rule is published. The checkout has it, too, or no policy at all.
    """
    ended, expected = {}, {}
    for checkout in ("same", "laxer"):
        system, laxer = prepared(entry.situation, row), checkout == "laxer"
        system.enforce(laxer_checkout=laxer)
        ended[checkout] = outcome(system, partial(entry.ask, drivers, system))
        expected[checkout] = row.outcome(entry.situation.kind, proven=entry.proven, laxer_checkout=laxer)
    assert ended == expected


@pytest.mark.parametrize("flow", sorted(FLOWS))
def test_a_flow_run_that_names_somebody_without_an_order_is_refused(flow: str, drivers: Drivers) -> None:
    """Whoever reaches Prefect's API or the event bus writes any name; nothing is applied, the log has it."""
    system = prepared(situations.DESTROY, ROWS[0])
    required = {"addresses": ["a/one"], "commit": COMMIT, "repository": "acme/infra", "number": 1}
    required |= {"everything": True}
    wanted = inspect.signature(drivers.flows.function(flow)).parameters
    given = {name: value for name, value in required.items() if name in wanted}
    known, _prepared = len(list(system.log.events())), system.applies()
    with pytest.raises(Refused) as caught:
        drivers.flows.run(
            system, flow, {"environment": "test", **given, "requested_by": "ann", "source": "api"}
        )
    assert caught.value.code == "identity-unproven"
    (denial,) = list(system.log.events())[known:]
    assert (denial.action, denial.status, denial.user) == ("access", "denied", "nobody")
    assert (denial.inputs["flow"], denial.inputs["requested_by"]) == (flow, "ann")
    assert not system.applies()


def names(through: str) -> set[str]:
    """Names of the entry points that are reached so."""
    return {entry.name for entry in ENTRIES if entry.through == through}


def test_every_entry_point_has_rows() -> None:
    """A command, flow or route that leads to an order or a change, and has no driver here, fails."""
    assert names("command") == {name for name, leads in COMMANDS.items() if leads in APPLYING}
    applying = {name for name, leads in FLOWS.items() if leads in APPLYING}
    for way in flow_runs.WAYS:
        assert names(way) == applying
    assert names("form") == {name for name, leads in FLOWS.items() if leads is not Leads.NOTHING}
    starting = {name for name, leads in ROUTES.items() if leads is Leads.STARTS}
    assert names("server") == starting
    assert names("function") == starting & routes.FUNCTION_ROUTES
    assert names("threads") == applying & set(THREAD_FLOWS)
    assert names("event bus") == applying & set(BUS_FLOWS)


def test_every_rule_has_a_row() -> None:
    """A new key of [policy] or of component.yaml without a row fails, unless it is said to be no rule."""
    of_types = set(TypeDefinition.__struct_fields__) - NO_RULES
    assert of_types == set(Protection.__struct_fields__)
    assert {row.rule for row in ROWS} >= {*Policy.__struct_fields__, *(f"type {name}" for name in of_types)}
