"""One reading of a run's parameters, for flows, threads, the event bus and REST bodies."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import UsageError
from karma_core.use_cases.orders.parameters import order_from, parameters_of, selection_from
from karma_core.use_cases.runs.records import Order
from karma_core.use_cases.selection.record import Selection

ORDERS = [
    Order(kind="deploy", selection=Selection(everything=True)),
    Order(kind="deploy", selection=Selection(targets=("a/one", "b/*"), types=("c",), exclude=("b/two",))),
    Order(kind="deploy", selection=Selection(changed=True), allow_blocked=True, override="on fire"),
    Order(kind="deploy", selection=Selection(changed=True, since="main"), plan_id="id-1"),
    Order(kind="deploy", selection=Selection(targets=("a/one",), with_producers=True)),
    Order(kind="destroy", selection=Selection(targets=("a/one",)), plan_id="id-2"),
    Order(kind="resume", run_id="id-3"),
    Order(kind="resume", run_id="id-3", plan_id="id-4", allow_blocked=True),
]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_is_the_same_behind_its_parameters(order: Order) -> None:
    """Whatever carries them, with what says for whom and where beside them."""
    context = {"environment": "prod", "requested_by": "ann", "source": "api", "change_id": None, "order": "x"}
    kind = "destroy" if order.kind == "destroy" else "deploy"
    assert order_from(kind, {**context, **parameters_of(order)}) == order


def test_since_alone_means_what_changed_since_then() -> None:
    """As on the command line."""
    assert selection_from({"since": "main"}) == Selection(changed=True, since="main")


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("deploy", {"everything": True, "dry_run": True}),
        ("deploy", {"everything": "yes"}),
        ("deploy", {"targets": "a/one"}),
        ("deploy", {"targets": ["nonsense"]}),
        ("deploy", {}),
        ("deploy", {"targets": ["a/one"], "everything": True}),
        ("deploy", {"resume_run": "id-1", "everything": True}),
        ("destroy", {"changed": True}),
        ("destroy", {"resume_run": "id-1"}),
        ("destroy", {"targets": ["a/one"], "with_producers": True}),
        ("deploy", {"everything": True, "with_producers": True}),
    ],
)
def test_what_is_unknown_or_contradicts_itself_is_refused(kind: Any, parameters: dict[str, Any]) -> None:
    """It is never left out in silence: a deploy with `dry_run` would deploy."""
    with pytest.raises(UsageError) as refused:
        order_from(kind, parameters)
    assert refused.value.code == "run-parameters"
