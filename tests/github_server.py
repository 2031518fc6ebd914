"""A GitHub that knows one repository, on a loopback socket: the five calls that Karma makes of it.

Paths, parameters and answers are those of GitHub's REST API, version 2022-11-28.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.http_server import HttpServer

TOKEN = "a-token-of-github"
REPOSITORY = "acme/infra"


@dataclass
class GitHubServer:
    """What it holds, and what was asked of it."""

    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    changed: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failing: int = 0

    def __post_init__(self) -> None:
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH"])])
        self._server = HttpServer(app)
        self.url = self._server.url

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def open_pull(self, number: int, commit: str, *paths: str, source: str = REPOSITORY) -> None:
        """A pull request whose head is a commit, and which changes the paths."""
        self.pulls[number] = {
            "number": number,
            "title": "Change it",
            "user": {"login": "ann"},
            "head": {"sha": commit, "repo": {"full_name": source}},
            "base": {"ref": "main"},
        }
        self.changed[number] = [{"filename": path, "status": "modified"} for path in paths]

    async def _answer(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"null")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _json({"message": "Bad credentials"}, 401)
        if self.failing:
            return _json({"message": "Server Error"}, self.failing)
        place = f"/repos/{REPOSITORY}/"
        if not request.url.path.startswith(place):
            return _json({"message": "Not Found"}, 404)
        rest = request.url.path.removeprefix(place)
        for pattern, handler in self._handlers().items():
            match = re.fullmatch(pattern, f"{request.method} {rest}")
            if match:
                answer: Response = handler(request, body, *match.groups())
                return answer
        return _json({"message": "Not Found"}, 404)

    def _handlers(self) -> dict[str, Any]:
        return {
            r"GET pulls/(\d+)": self._pull,
            r"GET pulls/(\d+)/files": lambda r, _, n: _page(r, self.changed[int(n)]),
            r"GET contents/(.+)": self._content,
            r"GET issues/(\d+)/comments": lambda r, _, n: _page(r, self.comments.get(int(n), [])),
            r"POST issues/(\d+)/comments": self._comment,
            r"PATCH issues/comments/(\d+)": self._edit,
            r"POST statuses/([0-9a-f]+)": self._status,
        }

    def _pull(self, _request: Request, _body: Any, number: str) -> Response:
        pull = self.pulls.get(int(number))
        return _json(pull) if pull else _json({"message": "Not Found"}, 404)

    def _content(self, request: Request, _body: Any, path: str) -> Response:
        content = self.files.get((path, request.query_params["ref"]))
        if content is None or request.headers["accept"] != "application/vnd.github.raw+json":
            return _json({"message": "Not Found"}, 404)
        return Response(content, media_type="application/octet-stream")

    def _comment(self, _request: Request, body: Any, number: str) -> Response:
        said = self.comments.setdefault(int(number), [])
        made = {"id": 1000 + len(said), "body": body["body"], "own": True}
        said.append(made)
        return _json(made, 201)

    def _edit(self, _request: Request, body: Any, comment: str) -> Response:
        (edited,) = [c for said in self.comments.values() for c in said if c["id"] == int(comment)]
        if not edited["own"]:
            return _json({"message": "Resource not accessible by personal access token"}, 403)
        edited["body"] = body["body"]
        return _json(edited)

    def _status(self, _request: Request, body: Any, commit: str) -> Response:
        if len(body["description"]) > 140:
            return _json({"message": "Validation Failed"}, 422)
        self.statuses.append((commit, body))
        return _json(body, 201)


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


def _page(request: Request, items: list[Any]) -> Response:
    size, page = int(request.query_params["per_page"]), int(request.query_params["page"])
    return _json(items[(page - 1) * size : page * size])
