"""The GraphQL schema: what can be asked."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, cast

import strawberry
from strawberry.scalars import JSON

from karma_api.graphql.limits import extensions
from karma_api.graphql.types import (
    Asking,
    Build,
    Change,
    Component,
    ComponentPage,
    Diff,
    Event,
    Impact,
    charge,
    charge_components,
    component_of,
    of,
)
from karma_api.paging import MOST, PageAsked
from karma_api.resources.builds import list_builds
from karma_api.resources.changes import ChangesAsked, list_changes
from karma_api.resources.components import ComponentsAsked, wanted_components
from karma_core import ids
from karma_core.changes.states import State
from karma_core.errors import UsageError
from karma_core.graph.impact import impact
from karma_core.model import Status, to_builtins
from karma_core.use_cases.graph.history import difference

Limit = Annotated[int, strawberry.argument(description=f"At most so many, 1 to {MOST}.")]


def _limit(value: int) -> int:
    if not 1 <= value <= MOST:
        raise UsageError(f"{value} is no limit", next_step=f"give 1 to {MOST}", code="query")
    return value


@strawberry.type
class Query:
    """Everything that can be asked. One query sees one build."""

    @strawberry.field(description="One component by its address, or null.")
    def component(self, info: Asking, id: strawberry.ID) -> Component | None:  # noqa: A002 - the field's name
        """None where the graph does not have it."""
        ids.Address.parse(id)
        node = info.context.view.nodes.get(str(id))
        if node is None:
            return None
        charge_components(info, [node.address])
        return component_of(node)

    @strawberry.field(description="Components by address.")
    def components(
        self,
        info: Asking,
        type: str | None = None,  # noqa: A002 - the field's name
        status: str | None = None,
        search: str = "",
        limit: Limit = 100,
        after: str | None = None,
    ) -> ComponentPage:
        """A page of them."""
        size = _limit(limit)
        # A status is a text; one that there is not is that of no component.
        asked = ComponentsAsked(type=type, status=cast("Status | None", status), search=search, after=after)
        view = info.context.view
        nodes = list(islice(wanted_components(view, asked), size + 1))
        items = [component_of(node) for node in nodes[:size]]
        charge_components(info, [str(item.id) for item in items])
        after_last = str(items[-1].id) if len(nodes) > size else None
        return ComponentPage(build_id=view.build.id, items=items, next=after_last)

    @strawberry.field(description="Who is reached by a change of the component.")
    def impact(self, info: Asking, component: str) -> Impact:
        """The component's cone, in waves."""
        ids.Address.parse(component)
        return Impact(**impact(info.context.view.graph, component))

    @strawberry.field(description="Between two builds or times; `to` left out: what a build would give now.")
    def diff(self, info: Asking, old: str | None = None, to: str | None = None) -> Diff:
        """Return the same difference as GET /graph/diff."""
        document = difference(info.context.workspace, old, to).contract()
        counts = {name: document[name] for name in ("added", "changed", "removed")}
        return Diff(**counts, document=cast("JSON", document))

    @strawberry.field(description="Builds, newest first.")
    def builds(self, info: Asking, limit: Limit = 100, after: str | None = None) -> list[Build]:
        """A page of them."""
        asked = PageAsked(limit=_limit(limit), after=after)
        builds = list_builds(info.context.service, info.context.caller, asked)["items"]
        charge(info, len(builds))
        return [of(Build, build) for build in builds]

    @strawberry.field(description="Changes, newest first.")
    def changes(self, info: Asking, status: str | None = None, limit: Limit = 100) -> list[Change]:
        """A page of them."""
        wanted = State(status) if status in set(State) else None
        if status is not None and wanted is None:
            raise UsageError(f"{ids.shown(status)} is no state of a change", code="query")
        asked = ChangesAsked(limit=_limit(limit), status=wanted)
        changes = list_changes(info.context.service, info.context.caller, asked)["items"]
        charge(info, len(changes))
        return [of(Change, change) for change in changes]

    @strawberry.field(description="Events of the log, newest first.")
    def log(
        self,
        info: Asking,
        component: str | None = None,
        action: str | None = None,
        user: str | None = None,
        limit: Limit = 100,
    ) -> list[Event]:
        """The newest that match."""
        matching = info.context.service.log.events(
            component=component, action=action, user=user, limit=_limit(limit), newest_first=True
        )
        events = list(matching)
        charge(info, len(events))
        return [of(Event, to_builtins(event)) for event in events]


class _Quiet(strawberry.Schema):
    """A schema that does not print errors: each goes to the caller by its own rule."""

    def process_errors(self, errors: object, execution_context: object = None) -> None:
        """Do nothing: `execution` reports errors."""


SCHEMA = _Quiet(Query, extensions=extensions())
