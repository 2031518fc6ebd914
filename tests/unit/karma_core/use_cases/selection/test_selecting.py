"""What changed in Git selects, and what a selection with nothing in it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.modules.directory import ModuleDirectory
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.selection.not_selected import not_selected
from karma_core.use_cases.selection.record import Selection
from karma_core.use_cases.selection.selecting import choose, select
from karma_core.workspace import Workspace
from tests.contract.test_config_repository import commit_all, git
from tests.memory_system import System

CHILD = 'module "inner" {\n  source = "../%s"\n}\n'


def chosen(workspace: Workspace, **selection: Any) -> set[str]:
    """What a selection means now."""
    return select(workspace, read_fleet(workspace), Selection(**selection))


class GitModules(System):
    """a/one, b/two, c/three and d/alone, deployed; b's module loads a's, c's loads _shared; committed."""

    def __init__(self, root: Path) -> None:
        super().__init__(types="")
        self.root = root
        for name, text in {
            "a": "",
            "b": CHILD % "a",
            "c": CHILD % "_shared/deep",
            "d": "",
            "_shared/deep": "",
            "_shared/unused": "",
        }.items():
            self.write(f"{name}/main.tf", f"# {name}\n{text}")
        commit_all(root)
        self.configure(a_one={}, b_two={}, c_three={}, d_alone={})
        self.deploy()

    def write(self, path: str, text: str) -> None:
        """Write a file of a module."""
        file = self.root / "components" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    @property
    def workspace(self) -> Workspace:
        modules = ModuleDirectory(
            self.root / "components", archive=self.root.parent / "archive", cache=self.root.parent / "cache"
        )
        return replace(super().workspace, modules=modules, repository=GitConfigRepository(self.root))


@pytest.fixture
def system(tmp_path: Path) -> GitModules:
    """Nothing is changed."""
    return GitModules(tmp_path / "project")


@pytest.mark.parametrize(
    ("path", "means"),
    [
        ("a/main.tf", {"a/one", "b/two"}),
        ("a/templates/policy.json", {"a/one", "b/two"}),
        ("b/main.tf", {"b/two"}),
        ("_shared/deep/main.tf", {"c/three"}),
        ("_shared/unused/main.tf", set()),
        ("README.md", set()),
    ],
)
def test_since_selects_what_changed_selects(system: GitModules, path: str, means: set[str]) -> None:
    """An edited file selects every type whose module it is part of, a child module that is a type, too."""
    system.write(path, (CHILD % "_shared/deep" if path == "b/main.tf" else "") + "# edited\n")
    assert chosen(system.workspace, changed=True, since="HEAD") == means
    assert chosen(system.workspace, changed=True) == means


def test_an_edited_definition_selects_its_type(system: GitModules) -> None:
    """component.yaml is no part of a module's digest, and still what Git says of the type."""
    system.write("d/component.yaml", "protected: true\n")
    assert chosen(system.workspace, changed=True, since="HEAD") == {"d/alone"}


def test_a_child_module_that_is_gone_selects_its_users(system: GitModules) -> None:
    """What they load cannot be told any more: they are selected, and their finding is shown."""
    (system.root / "components/_shared/deep/main.tf").unlink()
    (system.root / "components/_shared/deep").rmdir()
    assert chosen(system.workspace, changed=True, since="HEAD") == {"c/three"}


def since(system: GitModules, ref: str) -> tuple[set[str], tuple[str, ...]]:
    """What changed since a commit, and what Git could not tell."""
    workspace = system.workspace
    choice = choose(workspace, read_fleet(workspace), Selection(changed=True, since=ref))
    return set(choice.addresses), choice.untold


def test_in_a_shallow_clone_contents_are_compared(system: GitModules, tmp_path: Path) -> None:
    """The commit is not there: what differs from what was applied is selected, and that is said."""
    before = git(system.root, "rev-parse", "HEAD")
    system.write("_shared/deep/main.tf", "# edited\n")
    commit_all(system.root)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{system.root}", "shallow")
    system.root = tmp_path / "shallow"
    addresses, untold = since(system, before)
    assert addresses == {"c/three"}
    assert [f"the clone is shallow and does not have {before}" in sentence for sentence in untold] == [
        True
    ] * 2
    assert since(system, "HEAD") == (set(), ())


def test_in_a_submodule_edited_modules_are_selected(system: GitModules, tmp_path: Path) -> None:
    """The commit of the project says which commit of the modules it means; shared child modules included."""
    modules = system.root / "components"
    commit_all(modules)
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(modules), "components")
    commit_all(root)
    system.root = root
    assert since(system, "HEAD") == (set(), ())
    system.write("_shared/deep/main.tf", "# edited\n")
    assert since(system, "HEAD") == ({"c/three"}, ())
    commit_all(root / "components")
    assert since(system, "HEAD") == ({"c/three"}, ())


def test_a_file_that_git_ignores_is_compared_with_what_was_applied(system: GitModules) -> None:
    """It counts in the module's digest: named where it differs, and silent where it does not."""
    system.write("../.gitignore", "*.zip\n")
    system.write("d/code.zip", "1")
    commit_all(system.root)
    system.deploy()
    assert since(system, "HEAD") == (set(), ())
    system.write("d/code.zip", "22")
    addresses, (sentence,) = since(system, "HEAD")
    assert addresses == {"d/alone"}
    assert "d/code.zip: Git ignores it" in sentence


def test_a_plan_says_what_git_could_not_tell(system: GitModules) -> None:
    """As a warning of the environment, beside what was left out."""
    system.write("../.gitignore", "*.zip\n")
    system.write("d/code.zip", "1")
    commit_all(system.root)
    workspace = system.workspace
    fleet = read_fleet(workspace)
    selection = Selection(changed=True, since="HEAD")
    codes = [found.code for found in not_selected(fleet, selection, choose(workspace, fleet, selection))]
    assert codes == ["git-untold"]
