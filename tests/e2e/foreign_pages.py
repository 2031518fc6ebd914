"""Pages of other sites, in a real browser, and another user of this machine: what they can send is tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Route, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route as ServedRoute

from karma_api.routes import ROUTES
from karma_ui.app import OPEN_PAGES, PAGES
from tests.browser import chromium
from tests.http_server import HttpServer

EVIL: Final = "evil.test"
REBOUND: Final = "rebound.test"
"""Names that the browser finds at 127.0.0.1, as an attacker's DNS would have it."""
BODIES: Final[dict[str, Any]] = {
    "/deployments": {"everything": True},
    "/destructions": {"everything": True},
    "/builds": {},
    "/request-change": {"component": "queue/orders", "proposed_change": {"name": "theirs"}},
    "/graphql": {"query": "{ __typename }"},
    "/api/deployments/{id:uuid}/create_flow_run": {
        "parameters": {"environment": "slow", "everything": True},
        "state": {"type": "SCHEDULED"},
    },
}
"""Bodies with which a route would do something; others get an empty document."""
NOBODY: Final = 65534
"""The user id of `nobody`."""


@dataclass(frozen=True)
class Target:
    """A request to try: `url` has its placeholders filled in."""

    method: str
    url: str
    body: str = "{}"


def filled(path: str, **values: str) -> str:
    """A path of a route table with values for its placeholders."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: values.get(found[1], "x"), path)


def karma_targets(url: str, environment: str) -> list[Target]:
    """Every route of the API and of its pages, from their own tables."""
    api = [
        Target(route.method, f"{url}{filled(route.path)}?environment={environment}", body(route.path))
        for route in ROUTES
    ]
    pages = [
        Target(method, f"{url}/ui/{environment}{filled(path, act='apply')}")
        for method, path, _ in (*PAGES, *OPEN_PAGES)
    ]
    more = ("/openapi.json", "/", "/ui", "/ui/", f"/ui/{environment}", f"/ui/{environment}/events")
    return [*api, *pages, *(Target("GET", url + path) for path in more)]


def body(path: str) -> str:
    """The JSON text that is sent to a route."""
    return json.dumps(BODIES.get(path, {}))


SCRIPT: Final = """
async (targets) => {
  const tried = [];
  const ask = async (target, way, options) => {
    const outcome = {way, method: target.method, url: target.url, status: 0, text: ''};
    try {
      const signal = AbortSignal.timeout(20000);
      const made = await fetch(target.url, {credentials: 'include', signal, ...options});
      outcome.type = made.type;
      outcome.status = made.status;
      if (made.status && made.status != 403) outcome.text = (await made.text()).slice(0, 200) || '(empty)';
    } catch (error) { outcome.type = error.name; }
    tried.push(outcome);
  };
  const json = {'content-type': 'application/json'};
  const one = async (target) => {
    const {method, body} = target;
    if (method == 'SOCKET') {
      const type = await new Promise((done) => {
        const socket = new WebSocket(target.url.replace('http', 'ws'), 'prefect');
        socket.onopen = () => done('opened');
        socket.onerror = () => done('refused');
      });
      tried.push({way: 'socket', method, url: target.url, status: 0, text: '', type});
      return;
    }
    if (method == 'GET' || method == 'HEAD') {
      await ask(target, 'cors', {method});
      await ask(target, 'simple', {method, mode: 'no-cors'});
      return;
    }
    await ask(target, 'cors', {method, body, headers: json});
    if (method != 'POST') return;
    await ask(target, 'text/plain', {method, body, mode: 'no-cors'});
    await ask(target, 'untyped', {method, mode: 'no-cors', body: new Blob([body])});
    await ask(target, 'form', {method, mode: 'no-cors', body: new URLSearchParams({seal: 'x'})});
    await ask(target, 'empty', {method, mode: 'no-cors'});
  };
  const waiting = [...targets];
  const take = async () => { while (waiting.length) await one(waiting.shift()); };
  await Promise.all([...Array(12)].map(take));
  return tried;
}
"""
FORMS: Final = """
async (targets) => {
  const sink = document.createElement('iframe');
  sink.name = 'sink';
  document.body.append(sink);
  for (const target of targets) {
    const form = Object.assign(document.createElement('form'),
      {action: target.url, method: 'post', enctype: 'text/plain', target: 'sink'});
    const field = Object.assign(document.createElement('input'),
      {name: target.body.slice(0, -1) + (target.body == '{}' ? '' : ',') + '"x":"', value: '"}'});
    form.append(field);
    document.body.append(form);
    const loaded = new Promise((done) => { sink.onload = done; setTimeout(done, 5000); });
    form.submit();
    await loaded;
    form.remove();
  }
}
"""


@contextmanager
def attacking_browser() -> Iterator[Browser]:
    """A browser that finds the attacker's names at 127.0.0.1, and asks nobody before it calls there."""
    args = [
        "--no-sandbox",
        f"--host-resolver-rules=MAP {EVIL} 127.0.0.1,MAP {REBOUND} 127.0.0.1",
        "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessSendPreflights,HttpsUpgrades",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=args)
        try:
            yield browser
        finally:
            browser.close()


class Control:
    """A server without any guard, beside the others: `taken` are the requests that reach it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        route = ServedRoute("/{path:path}", self._take, methods=["GET", "POST"])
        self._server = HttpServer(Starlette(routes=[route]))
        self.url = self._server.url

    async def _take(self, request: Request) -> Response:
        self.taken.append((request.method, request.headers.get("content-type", "")))
        return HTMLResponse("<h1>A page</h1>", headers={"access-control-allow-origin": "*"})

    def close(self) -> None:
        """Serve no more."""
        self._server.close()


def attack(browser: Browser, origin: str, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Open a page of an origin, and try everything from it; what came of each try."""
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.route("**/attack", _attackers_page)
    page.goto(f"{origin}/attack")
    asked = [vars(target) for target in targets]
    tried: list[dict[str, Any]] = page.evaluate(SCRIPT, asked)
    page.evaluate(FORMS, [one for one in asked if one["method"] == "POST"])
    page.close()
    return tried


def _attackers_page(route: Route) -> None:
    route.fulfill(status=200, content_type="text/html", body="<body>Win a prize!</body>")


def under(url: str, name: str) -> str:
    """A server's address under another name for this machine."""
    return url.replace("127.0.0.1", name, 1)


def successes(tried: Sequence[dict[str, Any]]) -> list[str]:
    """What a page could read, or was let through to: each should have failed or been refused with 403.

    An opaque answer shows nothing; whether anything was done is seen on the server.
    """
    return [
        f"{one['way']} {one['method']} {one['url']}: {one['type']} {one['status']} {one['text']}"
        for one in tried
        if one["status"] not in {0, 403} or one["type"] == "opened" or one["text"]
    ]


CLIENT: Final = """
import http.client, json, sys
from urllib.parse import urlsplit
asked, file = json.load(sys.stdin)
said = []
for method, url, body in asked:
    place = urlsplit(url)
    line = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    line.request(method, f"{place.path}?{place.query}", body if method != "GET" else None,
                 {"content-type": "application/json"})
    answer = line.getresponse()
    said.append([method, url, answer.status])
    line.close()
try:
    readable = open(file).read() != ""
except OSError:
    readable = False
json.dump([said, readable], sys.stdout)
"""


def as_another_user(targets: Sequence[Target], file: str) -> tuple[list[tuple[str, str, int]], bool]:
    """Ask everything over TCP as `nobody`, with no password: (method, path, status); is the file readable.

    Where these tests do not run as root, as the same user, who was not told the password.
    """
    asked = [[t.method, t.url, t.body] for t in targets if t.method != "SOCKET"]
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [python, "-I", "-c", CLIENT], input=json.dumps([asked, file]), cwd="/", env={},
        capture_output=True, text=True, check=False, timeout=200, **other,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said, readable = json.loads(done.stdout)
    return [(method, urlsplit(url).path, status) for method, url, status in said], readable and bool(other)
