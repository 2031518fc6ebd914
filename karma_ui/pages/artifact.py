"""The page of an artifact: a masked plan, or a list of addresses."""

from __future__ import annotations

import json

from starlette.responses import Response

from karma_ui.visit import Visit


async def show(visit: Visit) -> Response:
    """One artifact, that the query's `key` names."""
    artifact = await visit.api.get("/artifacts", key=visit.query.get("key", ""))
    is_json = artifact["media_type"] == "application/json"
    return visit.page(
        "artifact.html",
        artifact=artifact,
        content=json.loads(artifact["content"]) if is_json else artifact["content"],
        is_json=is_json,
    )
