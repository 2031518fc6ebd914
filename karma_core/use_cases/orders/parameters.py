"""The one decoder of a run's parameters, for flows, threads, events on a bus and REST bodies."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

from msgspec import Meta

from karma_core import documents
from karma_core.documents import WHOLE, Document
from karma_core.errors import UsageError
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.use_cases.runs.records import Order
from karma_core.use_cases.selection.record import Selection, require_selection

CONTEXT: Final = frozenset(
    {"project", "environment", "requested_by", "source", "change_id", "cause", "order"}
)
"""Parameters that say where, for whom and for what a run is, and not what it does."""
MAX_NAMED: Final = 200
"""Most targets, types or exclusions of one run. Ours."""

Target = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=rf"^(?=[^*?\[]*/|.*[*?\[])[A-Za-z0-9._:/*?!\[\]-]+{WHOLE}",
        description="A component's address, `type/nickname`, or a pattern of addresses (`vpc/*`).",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=63, description="A component type.")]
Targets = Annotated[list[Target], Meta(max_length=MAX_NAMED)]
Types = Annotated[list[Name], Meta(max_length=MAX_NAMED)]


class SelectionParameters(Document, frozen=True, kw_only=True):
    """The components that a run is for; the fields are those of a `Selection`."""

    targets: Targets = []
    types: Types = []
    exclude: Targets = []
    everything: bool = False
    changed: bool = False
    since: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    with_producers: bool = False

    @property
    def selection(self) -> Selection:
        """The selection. `since` alone means what changed since then."""
        return Selection(
            targets=tuple(dict.fromkeys(self.targets)),
            types=tuple(dict.fromkeys(self.types)),
            exclude=tuple(dict.fromkeys(self.exclude)),
            everything=self.everything,
            changed=self.changed or self.since is not None,
            since=self.since,
            with_producers=self.with_producers,
        )


def check_selection(selection: Selection) -> None:
    """ValueError for what `require_selection` refuses: for documents, whose faults name their place."""
    try:
        require_selection(selection)
    except UsageError as error:
        raise ValueError(f"{error.what}: {error.next_step}") from error


class RunParameters(SelectionParameters, frozen=True, kw_only=True):
    """A deploy or destroy: its selection, bound to a plan if given, or the run that it takes up."""

    plan_id: str | None = None
    resume_run: str | None = None
    allow_blocked: bool = False
    override_policy: str = ""


def order_from(kind: Literal["deploy", "destroy"], parameters: JsonMapping) -> Order:
    """The order that a run's parameters mean; UsageError `run-parameters` for what is unknown or unfit.

    Null stands for a parameter that is not given.
    """
    read = _read(RunParameters, parameters)
    selection = read.selection
    if read.resume_run is not None:
        if selection != Selection() or kind == "destroy":
            raise _refused("resume_run stands alone: a run knows its components")
        return Order(
            kind="resume",
            run_id=read.resume_run,
            plan_id=read.plan_id,
            allow_blocked=read.allow_blocked,
            override=read.override_policy,
        )
    try:
        require_selection(selection)
    except UsageError as error:
        raise _refused(f"{error.what}; {error.next_step}") from error
    if kind == "destroy" and (selection.changed or selection.with_producers):
        raise _refused("a destroy takes targets, types or everything")
    return Order(
        kind=kind,
        selection=selection,
        plan_id=read.plan_id,
        allow_blocked=read.allow_blocked,
        override=read.override_policy,
    )


def selection_from(parameters: JsonMapping) -> Selection:
    """The selection that parameters mean, empty where none is given; errors as `order_from`."""
    read: SelectionParameters = _read(SelectionParameters, parameters)
    return read.selection


def parameters_of(order: Order) -> JsonObject:
    """The parameters that mean an order, those that are given alone."""
    selection = order.selection
    given = SelectionParameters(
        targets=list(selection.targets),
        types=list(selection.types),
        exclude=list(selection.exclude),
        everything=selection.everything,
        changed=selection.changed,
        since=selection.since,
        with_producers=selection.with_producers,
    )
    of_run = RunParameters(
        plan_id=order.plan_id,
        resume_run=order.run_id or None,
        allow_blocked=order.allow_blocked,
        override_policy=order.override,
    )
    return {**documents.written(given), **documents.written(of_run)}


_Parameters = TypeVar("_Parameters")


def _read(kind: type[_Parameters], parameters: JsonMapping) -> _Parameters:
    given = {name: value for name, value in parameters.items() if value is not None and name not in CONTEXT}
    try:
        return documents.read(kind, given)
    except documents.Faults as error:
        raise _refused(error.summary(whole="parameters")) from error


def _refused(why: str) -> UsageError:
    return UsageError(
        "the run cannot be started with these parameters",
        why=why,
        next_step="correct them; docs/deploying.md lists what a run takes",
        code="run-parameters",
    )
