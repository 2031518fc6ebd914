"""Canaries: twelve secrets in ten encodings are nowhere but where docs/security.md lets them be.

One project on the embedded stores with real Terraform, all in this process. A vault puts the secrets out as
sensitive outputs; an app that reads them has lost every mark, and puts all 120 encodings into a resource, an
output and an error; a site consumes those, and an agent whose reload asks a receiver that answers with all of
them. Two more secrets stand in a config. The last deploy is a flow on a Prefect server. Then all that was
written, sent, printed or served is searched for each exact text, by plain comparison of bytes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_api.app import app_of
from karma_cli.main import _run
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_ui.app import make_app
from tests import fork_server
from tests.http_server import HttpServer
from tests.secret_encodings import ENCODED, SECRETS, forms, standing_in

ROOT: Final = Path(__file__).parents[2]
OF_CONFIG: Final = ("Zephyr-9-tapir!", "Quokka#77/plan", "Walrus+42/pin?")
"""Secret by its key, by the type's schema, and what a change replaces that one with."""
MODULES: Final = {
    "vault": """
variable "config" {
  type = any
}
variable "canaries" {
  type      = list(string)
  sensitive = true
}
output "token" {
  value     = var.canaries
  sensitive = true
}
output "host" {
  value = var.config.host
}
""",
    "app": """
variable "config" {
  type = any
}
variable "dependencies" {
  type = any
}
locals {
  read = file(pathexpand(var.config.file))
  leak = { encoded = jsondecode(local.read), plain = var.dependencies["vault/one"].token }
}
resource "terraform_data" "this" {
  input = local.leak
  lifecycle {
    postcondition {
      condition     = !try(var.config.fails, false)
      error_message = "${join(" ", values(local.leak.encoded))}: cannot log in"
    }
  }
}
output "leak" {
  value = local.leak
}
output "host" {
  value = var.dependencies["vault/one"].host
}
""",
    "site": """
variable "dependencies" {
  type = any
}
resource "terraform_data" "this" {
  input = [for app, runtime in var.dependencies : [runtime.leak, runtime.host]]
}
""",
    "agent": """
variable "dependencies" {
  type = any
}
resource "terraform_data" "this" {
  input = [for app, runtime in var.dependencies : [runtime.leak, runtime.host]]
}
""",
    "db": """
variable "config" {
  type = any
}
resource "terraform_data" "this" {
  input = var.config
}
output "url" {
  value = "postgres://db:5432/?pin=${urlencode(var.config.pin)}"
}
""",
}
COMMANDS: Final = (
    "config publish", "graph build", "plan --all", "deploy --all --auto-approve", "plan --all --json",
    "drift", "drift --json", "log list --json", "log list", "log export", "log verify", "log artifacts",
    "why app/one", "why app/two --json", "graph show --json", "graph export", "graph validate",
    "graph query --gremlin g.V().elementMap()", "graph query --gremlin g.E().elementMap() --json",
    "config show db main", "config show db main --json", "config diff --json", "config diff",
    f"propose-change db main --input change.json --reason set-{OF_CONFIG[2]}", "change list", "doctor",
)  # fmt: skip
THROUGH_PREFECT: Final = "deploy vault one --auto-approve"
"""The deploy after the host has changed: the agent is reloaded."""
WRITTEN_EXACTLY: Final = ("parameters.sqlite", "tfstate/", "private/", "encoded.json", "karma.toml")
"""Where the secrets of runtimes may be: SecureStrings, Terraform's states, plans that can be applied, and
where the test itself put them."""
WITH_CONFIGS: Final = (*WRITTEN_EXACTLY, "iac/", ".git/", "change.json", "state.sqlite", "publish/")
"""Where those of configs may be, too: Git and the copies that a rollback needs."""


OF_RUNTIMES: Final = forms(ENCODED.values())
CANARIES: Final = {**OF_RUNTIMES, **forms(OF_CONFIG)}


def caught(content: bytes, canaries: dict[bytes, str] = CANARIES) -> list[str]:
    """The canaries in it."""
    return standing_in(content, canaries)


class Receiver(ThreadingHTTPServer):
    """Takes what a reload sends, and answers with every secret, as a careless one does."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/reload"


class _Answer(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Keep the request; the answer says that it failed."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(bytes(self.headers) + body)
        reply = "\n".join(ENCODED.values()).encode()
        self.send_response(500)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Project:
    """The project, and what was printed and seen of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.printed: dict[str, str] = {}
        self.receiver = Receiver()
        self.command_lines: set[bytes] = set()
        self._write()

    def _write(self) -> None:
        listed = ", ".join(json.dumps(secret, ensure_ascii=False) for secret in SECRETS)
        self.put(
            "karma.toml",
            f'[reload]\nallowed_hosts = ["127.0.0.1"]\n'
            f'[environments.dev]\nregion = "eu-west-1"\nvariables = {{ canaries = [{listed}] }}\n',
        )
        request = {"url": self.receiver.url, "body": {"who": "{address}"}}
        self.put(
            "components/agent/component.yaml",
            json.dumps({"propagation": "reload", "reload": {"http": request}}),
        )
        self.put("encoded.json", json.dumps(ENCODED))
        self.put("change.json", json.dumps({"pin": OF_CONFIG[2], "size": 2}))
        for name, module in MODULES.items():
            self.put(f"components/{name}/main.tf", module)
        pin = {"type": "string", "writeOnly": True}
        definition = {"schema": {"type": "object", "properties": {"pin": pin, "size": {"type": "integer"}}}}
        self.put("components/db/component.yaml", json.dumps(definition))
        reads = {"depends_on": ["vault/one"], "file": str(self.root / "encoded.json")}
        for address, config in {
            "vault/one": {"host": "vault.example.org"},
            "app/one": reads,
            "app/two": {**reads, "fails": True},
            "site/one": {"depends_on": ["app/one"]},
            "agent/one": {"depends_on": ["app/one"]},
            "db/main": {"db_password": OF_CONFIG[0], "pin": OF_CONFIG[1], "size": 1},
        }.items():
            self.put(f"iac/dev/{address}/config.json", json.dumps(config))
        for words in ("init -q .", "add -A", "-c user.name=a -c user.email=a@example.org commit -qm x"):
            subprocess.run(["git", *words.split()], cwd=self.root, check=True)

    def put(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    @contextlib.contextmanager
    def watching_processes(self) -> Iterator[None]:
        """Collect the command lines of all processes while the block runs."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.1):
                for line in Path("/proc").glob("[0-9]*/cmdline"):
                    with contextlib.suppress(OSError):
                        self.command_lines.add(line.read_bytes())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the project, by its name below the root."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(self.root).as_posix(), path.read_bytes()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after all commands have run, while something looked at the process list."""
    made = Project(tmp_path_factory.mktemp("canaries"))
    capture = pytest.MonkeyPatch()
    capture.chdir(made.root)
    for name, value in {"ORCHESTRATOR": "direct", "DEFAULT_ENVIRONMENT": "dev"}.items():
        capture.setenv(f"KARMA_PROJECT__{name}", value)
    capture.setenv("KARMA_USER", "ann")
    with made.watching_processes():
        for command in COMMANDS:
            made.printed[command] = _printed(capture, command)
        made.put("iac/dev/vault/one/config.json", json.dumps({"host": "vault.example.com"}))
        for command in ("config publish", "graph build"):
            _printed(capture, command)
        # In a process of its own: Prefect's settings last as long as the process.
        ended = fork_server.python(
            ["-m", "karma_cli", *THROUGH_PREFECT.split()],
            folder=made.root,
            variables={**os.environ, "PYTHONPATH": str(ROOT), "KARMA_PROJECT__ORCHESTRATOR": "prefect"},
            timeout_seconds=200,
        )
        made.printed[THROUGH_PREFECT] = ended.stdout + ended.stderr
        made.printed["log list"] = _printed(capture, "log list --limit 100")
    capture.undo()
    made.receiver.shutdown()
    made.receiver.server_close()
    return made


def _printed(patch: pytest.MonkeyPatch, command: str) -> str:
    """What the command prints on both streams."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    patch.setattr(sys, "argv", ["karma", *command.split()])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _run()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    return f"exit code {code}\n" + "\n".join(texts)


def test_the_attack_was_made(project: Project) -> None:
    """The secrets arrived where they are needed: else the other tests would prove nothing."""
    assert "app/two" in project.printed["deploy --all --auto-approve"]
    assert "cannot log in" in project.printed["deploy --all --auto-approve"]
    files = dict(project.files())
    states = [json.loads(content) for name, content in files.items() if "tfstate/app/one" in name]
    assert states
    assert all(state["outputs"]["leak"]["value"]["encoded"] == ENCODED for state in states)
    stored = [text for name, text in files.items() if name.startswith(".karma/dev/parameters.sqlite")]
    assert caught(
        b"".join(stored), forms(SECRETS)
    )  # what is not checkpointed yet stands in the log beside it
    assert "secret-passed-on" in project.printed["plan --all"]
    assert "the reload request to 127.0.0.1" in project.printed[THROUGH_PREFECT]
    assert len(project.receiver.taken) > 0
    assert "secret-passed-on" in project.printed["deploy --all --auto-approve"]


def test_nothing_printed_has_a_canary(project: Project) -> None:
    """On standard output and error, of every command, as tables and as JSON."""
    for command, printed in project.printed.items():
        assert not caught(printed.encode()), command


def test_nothing_sent_by_a_reload_has_a_canary(project: Project) -> None:
    """The receiver is told who is meant."""
    assert b"agent/one" in project.receiver.taken[0]
    assert not caught(b"\n".join(project.receiver.taken))


def test_no_process_was_started_with_a_canary(project: Project) -> None:
    """Whoever lists the processes of the machine sees none in a command line."""
    assert any(b"terraform" in line for line in project.command_lines)
    assert not caught(b"\n".join(project.command_lines))


def test_nothing_written_has_a_canary(project: Project) -> None:
    """Log sinks, artifacts, graph, state and every other file below the project's folder."""
    names = {name for name, _ in project.files()}
    assert {".karma/dev/log.sqlite", ".karma/dev/log.jsonl", ".karma/dev/graph.sqlite"} <= names
    assert any(name.startswith(".karma/prefect/") and name.endswith(".db") for name in names)
    for name, content in project.files():
        if not any(place in name for place in WRITTEN_EXACTLY):
            assert not caught(content, OF_RUNTIMES), name
        if not any(place in name for place in WITH_CONFIGS):
            assert not caught(content), name


def test_secure_runtimes_name_their_secret_keys(project: Project) -> None:
    """What is passed on is a SecureString with that key; what stands beside it is no secret."""
    workspace = open_workspace(read_settings(project.root), "dev")
    held = {
        a: workspace.parameters.get(workspace.runtime_parameter(a))
        for a in ("vault/one", "app/one", "db/main")
    }
    told = {a: (p.kind, p.description.rpartition("(")[2]) for a, p in held.items() if p}
    assert told == {
        "vault/one": ("SecureString", "secret=token)"),
        "app/one": ("SecureString", "secret=leak)"),
        "db/main": ("SecureString", "secret=url)"),
    }
    exact = workspace.parameters.get(workspace.runtime_parameter("app/one"), decrypt=True)
    assert json.loads((exact and exact.value) or "")["leak"]["encoded"] == ENCODED


def test_nothing_served_has_a_canary(project: Project) -> None:
    """Every answer of the API to an admin, GraphQL, and every page."""
    workspace = open_workspace(read_settings(project.root), "dev")
    token = create(workspace, "ann", Role.ADMIN)[1]
    app = app_of(project.root)
    make_app(app, ("dev",))
    server = HttpServer(app)
    bearer = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.url, headers=bearer, timeout=60, trust_env=False) as client:
        _sign_in(client, token)
        served = dict(_answers(client))
    server.close()
    assert len(served) > 40
    assert any(path.startswith("/changes/") and b"(sensitive)" in body for path, body in served.items())
    assert b'"errors"' not in served["graphql"]
    for what, content in served.items():
        assert not caught(content), what


def _sign_in(client: httpx.Client, token: str) -> None:
    """Sign in to the pages as a person does."""
    page = client.get("/ui/dev/signin").text
    form = {"token": token, "seal": page.partition('data-seal="')[2].partition('"')[0]}
    assert client.post("/ui/dev/signin", data=form).status_code in {200, 302, 303}


def _answers(client: httpx.Client) -> Iterator[tuple[str, bytes]]:
    """(path, body) of every answer."""
    addresses = ("vault/one", "app/one", "app/two", "site/one", "db/main")
    events = client.get("/log", params={"limit": 500}).json()["items"]
    paths = [
        "/graph", "/graph/validate", "/graph/export", "/components", "/changes", "/runs", "/log",
        "/drift", "/config/diff", "/types/db", "/metrics", "/builds",
        *(f"/components/{a}" for a in addresses),
        *(f"/config/{a}" for a in addresses),
        *(f"/runtime/{a}" for a in addresses),
        *(f"/why?component={a}" for a in addresses),
        *(f"/changes/{one['change_id']}" for one in client.get("/changes").json()["items"]),
        *(f"/plans/{e['inputs']['plan']}" for e in events if isinstance(e["inputs"].get("plan"), str)),
        *(f"/artifacts?key={quote(key)}" for e in events for key in e["artifacts"]),
    ]  # fmt: skip
    pages = [
        "/graph", "/graph/scene.json", "/graph/graph.svg", "/changes", "/runs", "/log",
        *(f"/components/{a}" for a in addresses),
        *(f"/graph/node?address={a}" for a in addresses),
        *(f"/changes/new?component={a}" for a in addresses),
        *(f"/log/{e['id']}" for e in events[:20]),
        *(f"/runs/{run}" for run in {e["run_id"] for e in events if e["run_id"]}),
    ]  # fmt: skip
    for path in (*paths, *(f"/ui/dev{page}" for page in pages)):
        answer = client.get(path)
        assert answer.status_code in {200, 404, 422}, path
        yield path, answer.content
    query = "{ components(limit: 50) { items { id config runtime findings { message } } } }"
    yield "graphql", client.post("/graphql", json={"query": query}).content
