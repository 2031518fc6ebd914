"""The context that all pages of one application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.types import ASGIApp

from karma_ui.graph_cache import GraphCache


@dataclass(frozen=True, kw_only=True)
class AppContext:
    """The API behind the pages, the environments it serves, the graphs read from it.

    `prefect_url` is where the Prefect UI is, empty where there is none. `origin` is the one under which
    browsers know the pages, empty where it is the one that they are asked by. `version` names the static
    files, so that browsers keep them for as long as they are these. `closed` are the environments of which
    is known that the API lets nobody in without a token: it need not be asked, and log a denial, for each
    visit.
    """

    api: ASGIApp
    environments: tuple[str, ...]
    default: str
    version: str
    graphs: GraphCache
    prefect_url: str = ""
    origin: str = ""
    closed: set[str] = field(default_factory=set)
