"""Real pictures of the pages, for README and docs: the example shop, deployed in a temporary folder, served.

`python -m examples.screenshots [FOLDER]`; needs the system's Chromium. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "examples" / "shop"
PARTS = ("iac", "components", "bin", "karma.toml")
WAIT_SECONDS = 120
VIEW = {"width": 1400, "height": 820}
PLAN_HEIGHT = 720


def main(folder: Path) -> None:
    """Make every picture anew."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no chromium on PATH: install it (Debian: apt-get install chromium).")
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        _deploy_shop(project)
        token = json.loads(
            _karma(project, "token", "create", "ann@example.org", "--role", "approver", "--json")
        )
        with _served(project) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            _take(browser, f"{url}/ui/prod", _session(url, token["token"]), folder)
            browser.close()


def _session(url: str, token: str) -> str:
    """The session that a browser keeps in place of the token."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
        return str(
            http.post("/sessions", params={"environment": "prod"}).raise_for_status().json()["session"]
        )


def _take(browser: Browser, pages: str, session: str, folder: Path) -> None:
    cookie: Any = {"name": "karma_session", "value": session, "url": pages, "httpOnly": True}
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport=VIEW, color_scheme=scheme)  # type: ignore[arg-type]
        context.add_cookies([cookie])
        page = context.new_page()
        ending = "" if scheme == "light" else "-dark"
        _graph(page, f"{pages}/graph?focus=ecs-cluster/main&down=2", folder / f"graph{ending}.png")
        if scheme == "light":
            _rest(page, pages, folder)
        context.close()


def _rest(page: Page, pages: str, folder: Path) -> None:
    """The way of one change: proposed, seen, applied."""
    page.goto(f"{pages}/components/ecs-cluster/main")
    page.screenshot(path=folder / "component.png")
    page.goto(f"{pages}/changes/new?component=vpc/core&as=json")
    page.fill("[name=patch]", '{"dns_servers": ["192.0.2.2", "198.51.100.2"]}')
    page.fill("[name=reason]", "A second resolver")
    page.click("text=See what it would do")
    page.wait_for_selector(".stage[data-drawn]", timeout=WAIT_SECONDS * 1000)
    page.wait_for_timeout(500)
    box: Any = page.locator("#verdict").bounding_box()
    box["height"] = min(box["height"], PLAN_HEIGHT)
    page.screenshot(path=folder / "plan.png", full_page=True, clip=box)
    page.click("button:has-text('Request it')", timeout=WAIT_SECONDS * 1000)
    page.wait_for_selector("button:has-text('Approve')", timeout=WAIT_SECONDS * 1000)
    page.screenshot(path=folder / "change.png")
    page.fill("#decide [name=reason]", "Seen")
    page.click("button:has-text('Approve')", timeout=WAIT_SECONDS * 1000)
    page.wait_for_selector("header .s-applied", timeout=4 * WAIT_SECONDS * 1000)
    page.click("dt:has-text('runs') + dd a")
    page.wait_for_selector("h1:has-text('Deploy')")
    page.screenshot(path=folder / "run.png")
    page.goto(f"{pages}/log?action=terraform_apply")
    page.click("tbody a:has-text('terraform_apply') >> nth=0")
    page.wait_for_selector(".causes")
    page.screenshot(path=folder / "event.png")


def _graph(page: Page, url: str, path: Path) -> None:
    page.goto(url)
    page.wait_for_selector(".stage[data-drawn]", timeout=WAIT_SECONDS * 1000)
    page.wait_for_timeout(500)  # the event stream says that it is live
    page.screenshot(path=path)


def _deploy_shop(project: Path) -> None:
    for part in PARTS:
        source = SHOP / part
        if source.is_dir():
            shutil.copytree(source, project / part)
        else:
            shutil.copy(source, project / part)
    (project / ".gitignore").write_text(".karma/\n")
    identity = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "The shop"]):
        subprocess.run(["git", *words], cwd=project, check=True)  # noqa: S603, S607 - Git, as on PATH
    _karma(project, "config", "publish")
    _karma(project, "graph", "build")
    _karma(project, "deploy", "--all", "--auto-approve")
    _karma(project, "graph", "build")
    with (project / "karma.toml").open("a") as settings:
        settings.write("\n[environments.prod.policy]\nrequire_approval = true\n")


def _karma(project: Path, *words: str) -> str:
    command = [sys.executable, "-m", "karma_cli", *words]
    done = subprocess.run(command, cwd=project, env=_variables(), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"karma {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _variables() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("KARMA", "PREFECT", "GIT_"))
    }
    return {**kept, "KARMA_ENV": "prod", "KARMA_PROJECT__ORCHESTRATOR": "direct", "PYTHONPATH": str(ROOT)}


@contextmanager
def _served(project: Path) -> Iterator[str]:
    """The API and the pages of the project, in a process of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**_variables(), "KARMA_API__PORT": str(port)}
    command = [sys.executable, "-m", "karma_ui"]
    with subprocess.Popen(command, cwd=project, env=variables) as server:  # noqa: S603 - our own module
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz?environment=prod")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
                return
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
