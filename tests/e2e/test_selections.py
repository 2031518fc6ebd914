"""Several components in one command, what changed by content, and plans that say what they did not see."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karma_cli.exits import exit_code
from karma_cli.main import app
from karma_core.errors import UsageError
from tests.e2e.command_line import Karma, statuses, write_config
from tests.e2e.conftest import commit, git

PLAIN = 'variable "config" {\n  type = any\n}\noutput "size" {\n  value = try(var.config.size, 0)\n}\n'
USER = """\
variable "config" {
  type = any
}
module "inner" {
  source = "../plain"
  config = var.config
}
output "size" {
  value = module.inner.size
}
"""


def write(path: Path, text: str) -> None:
    """Write a file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three plain components and two whose module loads the plain one, in Git, all deployed."""
    project = tmp_path_factory.mktemp("selections") / "project"
    write(project / "karma.toml", "[environments.dev]\n[environments.prod]\n")
    write(project / ".gitignore", ".karma/\n")
    write(project / "components/plain/main.tf", PLAIN)
    write(project / "components/user/main.tf", USER)
    for address in ("user/one", "user/two", "plain/a", "plain/b", "plain/c"):
        write_config(project, "dev", address, '{"size": 1}')
    git(project.parent, "init", "-q", "-b", "main", str(project))
    commit(project)
    karma = Karma(project, env="dev")
    karma.json("config", "publish")
    karma.json("deploy", "--all", "--auto-approve")
    return project


@pytest.fixture
def karma(deployed: Path, tmp_path: Path) -> Karma:
    """The command in a copy of the project."""
    project = tmp_path / "project"
    shutil.copytree(deployed, project, symlinks=True)
    return Karma(project, env="dev")


def planned(karma: Karma, *words: str) -> set[str]:
    """Addresses of a plan."""
    return {c["address"] for c in karma.json("plan", *words)["components"]}


def test_every_command_takes_several(karma: Karma) -> None:
    """Addresses, patterns, types and exclusions for plan, deploy, drift, promote and destroy."""
    assert planned(karma, "plain/*", "dev:user/one", "--exclude", "*/b") == {"plain/a", "plain/c", "user/one"}
    write_config(karma.project, "dev", "plain/a", '{"size": 2}')
    karma.json("config", "publish")
    done = karma.json("deploy", "plain/[ac]", "--auto-approve")
    assert statuses(done) == {"plain/a": "applied", "plain/c": "unchanged"}
    checked = karma.json("drift", "*/one", "--type", "plain", "--exclude", "plain/[ac]")
    assert [c["address"] for c in checked["components"]] == ["plain/b", "user/one"]
    between = ("--from", "dev", "--to", "prod", "--dry-run")
    made = karma.json("change", "promote", "--type", "plain", "user/one", "--exclude", "plain/c", *between)
    assert made["affected_components"] == ["plain/a", "plain/b", "user/one"]
    made = karma.json("change", "promote", "--all", "--exclude", "user/*", *between)
    assert made["affected_components"] == ["plain/a", "plain/b", "plain/c"]
    gone = karma.json("destroy", "--type", "plain", "--exclude", "plain/c", "--auto-approve")
    assert statuses(gone) == {"plain/a": "destroyed", "plain/b": "destroyed"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plan", "nothing/*"), "nothing-matches"),
        (("plan", "--all", "--exclude", "*"), "nothing-matches"),
        (("plan", "plain/a", "--since", "HEAD"), "usage"),
        (("plan", "--all", "--with-producers"), "usage"),
        (("deploy", "--all", "--exclude", "*", "--auto-approve"), "nothing-matches"),
        (("deploy", "--plan", "x", "--with-producers"), "usage"),
        (("destroy", "--all", "--exclude", "*", "--auto-approve"), "nothing-matches"),
        (("drift", "--exclude", "*"), "nothing-matches"),
        (("change", "promote", "--type", "nothing", "--from", "dev", "--to", "prod"), "nothing-matches"),
        (
            ("change", "promote", "--all", "--exclude", "*", "--from", "dev", "--to", "prod"),
            "nothing-matches",
        ),
        (("change", "promote", "--exclude", "plain/a", "--from", "dev", "--to", "prod"), "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_means_nothing_or_contradicts_itself_exits_2(
    deployed: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: str
) -> None:
    """Before anything is planned or applied. In this process: what is looked at is the error alone."""
    monkeypatch.setenv("KARMA_PROJECT_DIR", str(deployed))
    monkeypatch.setenv("KARMA_ENV", "dev")
    raised = CliRunner().invoke(app, [*words, "--json"]).exception
    assert isinstance(raised, UsageError)
    assert (raised.code, exit_code(raised)) == (code, 2)
    assert raised.next_step


def test_an_edited_child_module_selects_its_users(karma: Karma) -> None:
    """Also where it is a type itself: by content, and the same since a commit; then nothing more."""
    everything = {"plain/a", "plain/b", "plain/c", "user/one", "user/two"}
    write(karma.project / "components/plain/main.tf", PLAIN.replace("0)", "1)"))
    assert planned(karma, "--changed") == everything
    assert planned(karma, "--since", "HEAD") == everything
    write(karma.project / "components/plain/main.tf", PLAIN)
    write(karma.project / "components/user/main.tf", USER + "# edited\n")
    assert planned(karma, "--since", "HEAD") == planned(karma, "--changed") == {"user/one", "user/two"}


def test_a_plan_says_what_is_not_published(karma: Karma) -> None:
    """Invalid ones beside the others; without the invalid one they are planned on demand."""
    write_config(karma.project, "dev", "plain/a", '{"size": 2}')
    write_config(karma.project, "dev", "plain/new", '{"size": 1}')
    write_config(karma.project, "dev", "plain/b", '{"size": }')
    plain = karma.run("plan", "--all", "--detailed-exitcode")
    assert plain.code == 0
    assert "No changes to the 5 components that were looked at; 3 configs" in " ".join(plain.out.split())
    (finding,) = karma.json("plan", "--all")["findings"]
    assert "(1 new, 1 changed, 1 invalid): plain/a, plain/b, plain/new;" in finding["message"]
    write_config(karma.project, "dev", "plain/b", '{"size": 1}')
    made = karma.json("plan", "--changed", "--from-worktree")
    assert {c["address"]: c["action"] for c in made["components"]} == {
        "plain/a": "update",
        "plain/new": "create",
    }
