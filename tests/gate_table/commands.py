"""`karma`, in this process, over an environment in memory."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from karma_adapters.wiring import bootstrap
from karma_cli.main import app
from karma_core.workspace import Workspace
from tests.gate_table import situations
from tests.gate_table.entry import Drivers, Entry
from tests.gate_table.rules import REQUESTS
from tests.gate_table.situations import Situation, TableSystem

SETTINGS: Final = """
[project]
orchestrator = "direct"

[environments.test]

[environments.other]
prefix = "/other"
"""


class Commands:
    """Opens an environment in memory where a command opens one, as somebody who is proven or only said."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        (folder / "karma.toml").write_text(SETTINGS)
        patch.setenv("KARMA_PROJECT_DIR", str(folder))
        patch.delenv("KARMA_TOKEN", raising=False)
        patch.setattr(bootstrap, "open_for_person", self._open)
        self._environments: dict[str, Workspace] = {}
        self._command: Any = get_command(app)
        self._request = folder / "request.json"

    def _open(self, _settings: object, name: str | None, **_: object) -> Workspace:
        return self._environments[name or "test"]

    def ask(self, system: TableSystem, *words: str, proven: bool, sent: Any) -> None:
        """Call the command; its KarmaError is raised.

        `{}` stands for the subject, `FILE` for the file with what is sent.
        """
        opened = system.workspace
        actor = replace(opened.actor, proof="token" if proven else "")
        self._environments = {"test": replace(opened, actor=actor), "other": system.elsewhere}
        self._request.write_text(json.dumps(sent))
        stand_for = {"{}": system.subject, "FILE": str(self._request)}
        with suppress(SystemExit):
            self._command.main([stand_for.get(word, word) for word in words], prog_name="karma")


def entries() -> list[Entry]:
    """Every command that leads to an order or a change; requests by somebody who is only said, too."""
    return [
        Entry(
            name=name,
            through="command" if proven else "command of a user who is only said:",
            situation=situation,
            ask=partial(_ask, (*name.split(), *options.split()), proven),
            proven=proven,
            note=options,
        )
        for proven in (True, False)
        for name, situation, options in _CALLS
        if proven or situation.kind in REQUESTS
    ]


def _ask(words: tuple[str, ...], proven: bool, drivers: Drivers, system: TableSystem) -> None:
    sent: dict[str, Any] = {"proposed_change": dict(system.row.edit)}
    if words[0] != "propose-change":
        sent |= {"component": "a/one"}
    drivers.commands.ask(system, *words, proven=proven, sent=sent)


_CALLS: Final[tuple[tuple[str, Situation, str], ...]] = (
    ("deploy", situations.DEPLOY, "--all --auto-approve"),
    ("deploy", situations.DEPLOY_OF_PLAN, "--plan {} --auto-approve"),
    ("deploy", situations.RESUME, "--resume {}"),
    ("deploy", situations.REPAIR, "a/one --auto-approve"),
    ("destroy", situations.DESTROY, "--all --auto-approve"),
    ("apply", situations.APPROVED, "{}"),
    ("apply", situations.DRAINED, ""),
    ("config publish", situations.CHANGE, "--as-change --auto-approve"),
    ("change request", situations.CHANGE, "--input FILE --auto-approve"),
    ("propose-change", situations.CHANGE, "a/one --input FILE --auto-approve"),
    ("change rollback", situations.ROLLBACK, "{} --auto-approve"),
    ("change rollback", situations.RESTORATION, "--cone a/one --auto-approve"),
    ("change promote", situations.PROMOTION, "a/one --from other --to test --auto-approve"),
    ("change retry", situations.RETRY, "{} --auto-approve"),
)
"""(command, what is there to be asked for, options)."""
