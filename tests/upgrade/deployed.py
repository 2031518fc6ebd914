"""A project that an earlier version of Karma deployed, unpacked, and the Karma of now in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import fork_server
from tests.upgrade import account, files
from tests.upgrade.life import edit, git

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TIMEOUT_SECONDS = 120
SEVERAL = """
import contextlib, io, json, sys
from karma_cli.main import app
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        app(words, standalone_mode=False)
    print(json.dumps(json.loads(out.getvalue())))
"""
TOKENS = """
import json, sys
from pathlib import Path
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.use_cases.access.tokens import recognise
workspace = open_workspace(read_settings(Path.cwd()), sys.argv[1])
found = {user: recognise(workspace, text) for user, text in json.load(sys.stdin).items()}
print(json.dumps({user: [token.user, token.role] if token else None for user, token in found.items()}))
"""
SERVER = """
import json, logging, sys
from moto import mock_aws
from moto.server import ThreadedMotoServer
from tests.upgrade import account, files
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
with mock_aws(), open(sys.argv[1]) as packed:
    account.restore(json.load(packed), None, files.now())
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
    sys.stdin.read()
"""
"""The account is unpacked in the server's own process: a third of the time that it takes over the wire."""


@dataclass(frozen=True)
class Deployed:
    """The project. `variables` are what a command needs to reach the stores, `tokens` old ones by user."""

    project: Path
    variables: Mapping[str, str]
    tokens: Mapping[str, str]

    def karma(self, env: str, *words: str, user: str = "ann@example.org", code: int = 0) -> Any:
        """Run a command of the Karma of now that must end with `code`; its document.

        In `prod`, whose policy names persons, the user's old token proves who asks.
        """
        return json.loads(self._python(env, user, "-m", "karma_cli", *words, "--json", code=code))

    def several(self, env: str, *commands: Sequence[str]) -> list[Any]:
        """Run commands that only read, all in one process; their documents."""
        asked = json.dumps([[*words, "--json"] for words in commands])
        out = self._python(env, "ann@example.org", "-c", SEVERAL, code=0, asked=asked)
        return [json.loads(line) for line in out.splitlines()]

    def recognised(self, env: str, tokens: Mapping[str, str]) -> Any:
        """Name → user and role of the token, or None, as the API recognises it."""
        return json.loads(self._python(env, "", "-c", TOKENS, env, code=0, asked=json.dumps(dict(tokens))))

    def _python(self, env: str, user: str, *words: str, code: int, asked: str = "") -> str:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("KARMA_", "PREFECT_"))}
        who = {"KARMA_ENV": env, "KARMA_USER": user}
        if env == "prod" and user in self.tokens:
            who["KARMA_TOKEN"] = self.tokens[user]
        ended = fork_server.python(
            words,
            folder=self.project,
            variables={**own, "PYTHONPATH": str(ROOT), **self.variables, **who},
            timeout_seconds=TIMEOUT_SECONDS,
            text=asked,
        )
        assert ended.returncode == code, (words, ended.returncode, ended.stdout[-3000:], ended.stderr[-3000:])
        return ended.stdout

    def configure(self, env: str, address: str, **values: Any) -> None:
        """Edit a config in Git and publish it."""
        edit(self.project, f"{env}/{address}", **values)
        git(self.project, "commit", "-q", "-a", "-m", "After the upgrade")
        self.karma(env, "config", "publish")

    def deploy(self, env: str, *words: str) -> dict[str, str]:
        """Deploy; address → status."""
        done = self.karma(env, "deploy", *words, "--auto-approve")
        return {component["address"]: component["status"] for component in done["components"]}

    def actions(self, env: str, *words: str, code: int = 0) -> dict[str, str]:
        """Plan; address → action."""
        plan = self.karma(env, "plan", *words, "--detailed-exitcode", code=code)
        return {component["address"]: component["action"] for component in plan["components"]}


@contextmanager
def unpacked(version: str, kind: str, folder: Path) -> Iterator[Deployed]:
    """The fixture of a version, on its stores of a kind (`embedded`, `aws`), below an empty folder."""
    packed = HERE / version / kind
    files.restore(packed, folder / "project")
    tokens = json.loads((packed / "tokens.json").read_text())
    if kind == "embedded":
        yield Deployed(folder / "project", {}, tokens)
        return
    with _account(packed / "account.json") as url:
        yield Deployed(folder / "project", account.variables(url), tokens)


@contextmanager
def _account(packed: Path) -> Iterator[str]:
    """The address of an account with this in it, in a process that ends with its input."""
    words = [sys.executable, "-c", SERVER, str(packed)]
    own = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, "the account could not be unpacked"
            yield url
        finally:
            process.stdin.close()
            process.wait(timeout=TIMEOUT_SECONDS)
