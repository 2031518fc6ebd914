"""One request to a page: its visitor, environment and form, and the page to return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from karma_core.errors import UsageError
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_ui.api import Api
from karma_ui.context import AppContext
from karma_ui.rendering import render
from karma_ui.session import Cookies

SEE_OTHER: Final = 303
MOST_FORM: Final = 1 << 20
"""Largest form, in bytes: that of the API's largest body."""


@dataclass(kw_only=True)
class Visit:
    """A request to a page of one environment. `form` is empty but for a POST."""

    request: Request
    context: AppContext
    environment: str
    form: dict[str, str] = field(default_factory=dict)
    who: JsonObject = field(default_factory=dict)

    @property
    def api(self) -> Api:
        """The API, as this visitor may use it."""
        token = self.cookies.session()
        return Api(self.context.api, environment=self.environment, token=token, client=self.client)

    @property
    def anonymous(self) -> Api:
        """The API, as anybody may use it: for what is asked before somebody signs in."""
        return Api(self.context.api, environment=self.environment, token="", client=self.client)

    @property
    def client(self) -> str:
        """The visitor's address."""
        return self.request.client.host if self.request.client is not None else ""

    @property
    def cookies(self) -> Cookies:
        """The visitor's cookies for these pages."""
        return Cookies(
            request=self.request,
            environment=self.environment,
            root=self.root,
            top=str(self.request.scope["root_path"]) or "/",
            secure=self.origin.startswith("https:"),
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port under which the browser knows the pages."""
        url = self.request.url
        return self.context.origin or f"{url.scheme}://{url.netloc}"

    @property
    def root(self) -> str:
        """Path of the environment's pages."""
        return f"{self.request.scope['root_path']}/{self.environment}"

    @property
    def query(self) -> dict[str, str]:
        """The query, the last value of each name."""
        return dict(self.request.query_params)

    @property
    def partial(self) -> bool:
        """Whether a part of a page is asked for."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, role: str) -> bool:
        """Whether the visitor's role includes this one: what is shown. The API decides what is done."""
        return "role" in self.who and Role(self.who["role"]).includes(Role(role))

    def path(self, name: str) -> str:
        """A placeholder of the path."""
        return str(self.request.path_params[name])

    def page(self, template: str, status: int = 200, **facts: object) -> Response:
        """A page, or a part of one."""
        text = render(template, self._common() | facts)
        return HTMLResponse(text, status_code=status)

    def go(self, path: str, **query: str) -> Response:
        """Send the browser to another page of the environment."""
        target = self.root + path + (f"?{urlencode(query)}" if query else "")
        if self.partial:
            return Response(headers={"hx-redirect": target})
        return RedirectResponse(target, status_code=SEE_OTHER)

    async def read_form(self) -> dict[str, str]:
        """The form that was sent, each field once; UsageError where it is none."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        parts, size = [], 0
        async for part in self.request.stream():
            size += len(part)
            if size > MOST_FORM:
                raise UsageError("the form is too large", next_step="send less at once", code="too-large")
            parts.append(part)
        if kind != "application/x-www-form-urlencoded":
            raise UsageError("this is no form", next_step="use the page's own form", code="invalid-request")
        try:
            pairs = parse_qsl(b"".join(parts).decode(), keep_blank_values=True, max_num_fields=1000)
        except ValueError as error:
            raise UsageError(
                "the form cannot be read", next_step="send it again", code="invalid-request"
            ) from error
        return dict(pairs)

    def _common(self) -> dict[str, object]:
        """Return the facts that every template may use."""
        return {
            "visit": self,
            "root": self.root,
            "static": f"{self.request.scope['root_path']}/static/{self.context.version}",
            "environment": self.environment,
            "environments": self.context.environments,
            "who": self.who,
            "may": self.may,
            "seal": self.cookies.seal(),
            "here": self.request.url.path.removeprefix(self.root).split("/")[1:2] or [""],
        }
