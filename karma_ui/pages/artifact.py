"""What a run or a publish left: a masked plan, or a list of addresses."""

from __future__ import annotations

import json

from starlette.responses import Response

from karma_ui.visit import Visit


async def show(visit: Visit) -> Response:
    """One artifact, that the query's `key` names."""
    found = await visit.api.get("/artifacts", key=visit.query.get("key", ""))
    is_json = found["media_type"] == "application/json"
    return visit.page(
        "artifact.html",
        artifact=found,
        content=json.loads(found["content"]) if is_json else found["content"],
        is_json=is_json,
    )
