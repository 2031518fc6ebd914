"""Git and changes edit one config, and checkouts that lack something, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command_line import Karma, write_config
from tests.e2e.conftest import commit, git

MODULE = 'variable "config" {\n  type = any\n}\noutput "size" {\n  value = try(var.config.size, 0)\n}\n'
TEXT = '{\n\t"size": 1,\n\t"owner": "ann"\n}'


@pytest.fixture
def karma(tmp_path: Path) -> Karma:
    """Two components, published from Git; a change moved the size of one."""
    (tmp_path / "components/plain").mkdir(parents=True)
    (tmp_path / "components/plain/main.tf").write_text(MODULE)
    (tmp_path / "karma.toml").write_text("[environments.dev]\n")
    (tmp_path / ".gitignore").write_text(".karma/\n")
    write_config(tmp_path, "dev", "plain/a", TEXT)
    write_config(tmp_path, "dev", "plain/b", "{}")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    karma = Karma(tmp_path, env="dev")
    karma.json("config", "publish")
    patch = tmp_path / "patch.json"
    patch.write_text('{"component": "plain/a", "proposed_change": {"size": 5}}')
    karma.json("propose-change", "plain", "a", "--input", str(patch), "--auto-approve")
    patch.unlink()
    return karma


def test_a_config_that_diverged_is_held_until_a_side_is_taken(karma: Karma) -> None:
    """Exit code 4, the others published, a three-way view, then the side that somebody named."""
    write_config(karma.project, "dev", "plain/a", TEXT.replace("1", "2"))
    write_config(karma.project, "dev", "plain/b", '{"size": 7}')
    published = karma.run("config", "publish", "--json")
    assert (published.code, published.document["diverged"]) == (4, ["plain/a"])
    assert published.document["written"] == ["plain/b"]
    assert [finding["code"] for finding in published.document["findings"]] == ["diverged"]
    (diverged,) = karma.json("config", "diff")["diverged"]
    assert diverged["places"] == [{"pointer": "/size", "base": 1, "git": 2, "store": 5}]
    shown = karma.run("config", "diff")
    assert "last common" in shown.out
    pulled = karma.run("config", "pull")
    assert (pulled.code, "--take-store plain/a" in " ".join(pulled.err.split())) == (4, True)
    assert karma.run("config", "pull", "--take-store", "plain/b").code == 2
    assert karma.run("config", "pull", "--take-store", "plain/a").code == 0
    assert (karma.project / "iac/dev/plain/a/config.json").read_text() == TEXT.replace("1", "5")
    assert karma.run("config", "publish").code == 0
    assert karma.run("config", "diff").out.strip() == "Git and the parameter store are the same."


def test_edits_of_different_places_are_shown_and_merged(karma: Karma) -> None:
    """Both sides' edits are in the store afterwards, and by a pull in the file."""
    write_config(karma.project, "dev", "plain/a", TEXT.replace("ann", "bob"))
    shown = karma.run("config", "diff")
    assert "merges Git's edit" in shown.out
    assert "merges a change's edit" in shown.out
    published = karma.json("config", "publish")
    assert published["merged"] == ["plain/a"]
    assert karma.json("config", "show", "plain", "a")["config"] == {"size": 5, "owner": "bob"}
    karma.json("config", "pull")
    text = (karma.project / "iac/dev/plain/a/config.json").read_text()
    assert text == TEXT.replace("ann", "bob").replace("1", "5")


def test_prune_in_a_sparse_checkout_is_refused(karma: Karma) -> None:
    """Git holds the config: it has not gone, and the publish says where it is."""
    git(karma.project, "sparse-checkout", "set", "iac/dev/plain/a", "components")
    refused = karma.run("config", "publish", "--prune", "--json")
    assert (refused.code, refused.error["code"]) == (4, "not-checked-out")
    assert refused.error["reasons"] == {"plain/b": "sparse-checkout"}
    assert "not checked out here" in karma.run("config", "publish").out
    assert karma.json("config", "show", "plain", "b")["config"] == {}


def test_a_late_checkout_takes_nothing_back(karma: Karma) -> None:
    """What was published from a later commit is held, and kept by a prune, until somebody says so."""
    before = git(karma.project, "rev-parse", "HEAD").strip()
    write_config(karma.project, "dev", "plain/b", '{"size": 7}')
    write_config(karma.project, "dev", "plain/new", "{}")
    commit(karma.project)
    assert karma.json("config", "publish")["written"] == ["plain/b", "plain/new"]
    git(karma.project, "checkout", "-q", before)
    published = karma.run("config", "publish", "--prune", "--json")
    assert (published.code, published.document["diverged"]) == (4, ["plain/b", "plain/new"])
    assert (published.document["written"], published.document["pruned"]) == ([], [])
    assert "older" in published.document["findings"][0]["message"]
    assert karma.run("config", "pull").code == 0
    taken = karma.json("config", "publish", "--prune", "--take-git", "plain/b", "--take-git", "plain/new")
    assert (taken["written"], taken["pruned"]) == (["plain/b"], ["plain/new"])
