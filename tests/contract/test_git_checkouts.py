"""`ports.ConfigRepository` on checkouts that lack something: sparse, shallow, bare, with submodules."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_core.errors import NotFound
from tests.contract.test_config_repository import commit_all, git
from tests.workspace_fakes import write_config

ALLOWED = ("-c", "protocol.file.allow=always")
"""Git's submodules from a folder (off since CVE-2022-39253)."""


def write(path: Path, text: str) -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def origin_of(root: Path) -> Path:
    """A repository with a/one, a/two and b/three in dev, b/other in prod, and the modules a and b."""
    for address in ("a/one", "a/two", "b/three"):
        write_config(root, address, "{}")
    write_config(root, "b/other", "{}", environment="prod")
    for name in ("a", "b"):
        write(root / f"components/{name}/main.tf", f"# {name}\n")
    commit_all(root)
    return root


class TestAbsences:
    ASKED = ("a/one", "a/two", "b/three", "b/never")

    def absences(self, root: Path) -> dict[str, str]:
        return GitConfigRepository(root).absences("dev", self.ASKED)

    def test_sparse_checkout(self, tmp_path: Path) -> None:
        """What the cone leaves out is in Git; what is in no commit is not; what is there is not asked."""
        root = origin_of(tmp_path)
        git(root, "sparse-checkout", "init", "--cone")
        for options in ([], ["--sparse-index"]):
            git(root, "sparse-checkout", "set", *options, "iac/dev/a", "components")
            assert not (root / "iac/dev/b").exists()
            assert GitConfigRepository(root).absences("dev", ["b/three", "b/never"]) == {
                "b/three": "sparse-checkout"
            }

    @pytest.mark.parametrize("mark", ["skip-worktree", "assume-unchanged"])
    def test_marked_files(self, tmp_path: Path, mark: str) -> None:
        """A file that Git was told not to look at, and that is not there, has not left Git."""
        root = origin_of(tmp_path)
        git(root, "update-index", f"--{mark}", "iac/dev/a/one/config.json")
        (root / "iac/dev/a/one/config.json").unlink()
        assert GitConfigRepository(root).absences("dev", ["a/one"]) == {"a/one": mark}

    def test_deletions(self, tmp_path: Path) -> None:
        """Deleted, or staged as deleted, and not committed: said so; committed: Git does not hold it."""
        root = origin_of(tmp_path)
        (root / "iac/dev/a/one/config.json").unlink()
        git(root, "rm", "-q", "iac/dev/a/two/config.json")
        assert self.absences(root) == {"a/one": "deleted", "a/two": "deleted"}
        commit_all(root)
        assert GitConfigRepository(root).absences("dev", ["a/one", "a/two", "b/never"]) == {}

    def test_a_clone_without_checkout(self, tmp_path: Path) -> None:
        """Nothing was checked out: nothing has gone."""
        origin = origin_of(tmp_path / "origin")
        git(tmp_path, "clone", "-qn", str(origin), "clone")
        (tmp_path / "clone/iac").mkdir()
        assert self.absences(tmp_path / "clone") == dict.fromkeys(self.ASKED[:3], "no-checkout")

    @pytest.mark.parametrize("place", ["iac", "iac/dev", "iac/dev/a"])
    def test_a_submodule(self, tmp_path: Path, place: str) -> None:
        """Configs in a submodule are in Git, also where it is not checked out, at whatever depth."""
        inner = tmp_path / "inner"
        below = "iac/dev/a/one/config.json".removeprefix(f"{place}/")
        write(inner / below, "{}")
        commit_all(inner)
        root = tmp_path / "root"
        write(root / "iac-less", "")
        commit_all(root)
        git(root, *ALLOWED, "submodule", "add", "-q", str(inner), place)
        commit_all(root)
        repository = GitConfigRepository(root)
        assert (root / "iac/dev/a/one/config.json").exists()
        (root / "iac/dev/a/one/config.json").unlink()
        assert repository.absences("dev", ["a/one", "z/never"]) == {"a/one": "deleted"}
        git(root, "submodule", "-q", "deinit", "-f", place)
        (root / "iac/dev").mkdir(parents=True, exist_ok=True)
        assert repository.absences("dev", ["a/one"]) == {"a/one": "submodule"}

    def test_outside_git(self, tmp_path: Path) -> None:
        """Where there is no work tree, or no commit, nothing is held by Git."""
        write_config(tmp_path, "a/one", "{}")
        assert self.absences(tmp_path) == {}
        git(tmp_path, "init", "-q")
        assert self.absences(tmp_path) == {}


class TestChangedSince:
    def with_submodule(self, tmp_path: Path, place: str) -> tuple[Path, Path]:
        """(root, submodule): a repository whose modules lie in a submodule, at `components` or in it."""
        inner = tmp_path / "inner"
        for name in ("a", "b"):
            write(inner / (f"{name}/main.tf" if place == "components" else f"{name}.tf"), f"# {name}\n")
        write(inner / ".gitignore", "*.zip\n")
        commit_all(inner)
        root = tmp_path / "root"
        write_config(root, "a/one", "{}")
        commit_all(root)
        git(root, *ALLOWED, "submodule", "add", "-q", str(inner), place)
        commit_all(root)
        return root, root / place

    def test_modules_in_a_submodule(self, tmp_path: Path) -> None:
        """Edited, new and committed files of the submodule, and those of commits that it moved to."""
        root, inner = self.with_submodule(tmp_path, "components")
        repository = GitConfigRepository(root)
        assert repository.changed_since("dev", "HEAD").modules == frozenset()
        write(inner / "a/main.tf", "# edited\n")
        write(inner / "c/new.tf", "")
        assert repository.changed_since("dev", "HEAD").modules == {"a/main.tf", "c/new.tf"}
        commit_all(inner)
        assert repository.changed_since("dev", "HEAD").modules == {"a/main.tf", "c/new.tf"}
        commit_all(root)
        assert repository.changed_since("dev", "HEAD").modules == frozenset()
        assert repository.changed_since("dev", "HEAD~1").modules == {"a/main.tf", "c/new.tf"}
        everything = {"a/main.tf", "b/main.tf", "c/new.tf", ".gitignore"}
        assert repository.changed_since("dev", "HEAD~2").modules == everything

    def test_a_module_that_is_a_submodule(self, tmp_path: Path) -> None:
        """Its paths are those below the modules' root."""
        root, inner = self.with_submodule(tmp_path, "components/a")
        write(inner / "b.tf", "# edited\n")
        assert GitConfigRepository(root).changed_since("dev", "HEAD").modules == {"a/b.tf"}

    def test_a_submodule_without_its_commit(self, tmp_path: Path) -> None:
        """Git cannot tell where the submodule lacks the commit that the outer one holds, or is not there."""
        root, inner = self.with_submodule(tmp_path, "components")
        before = git(inner, "rev-parse", "HEAD")[:12]
        write(inner / "a/main.tf", "# edited\n")
        git(inner, "checkout", "-q", "--orphan", "new")
        commit_all(inner)
        for ref in git(inner, "for-each-ref", "--format=%(refname)").split():
            if not ref.endswith("/new"):
                git(inner, "update-ref", "--no-deref", "-d", ref)
        git(inner, "reflog", "expire", "--expire=now", "--all")
        git(inner, "gc", "-q", "--prune=now")
        found = GitConfigRepository(root).changed_since("dev", "HEAD")
        assert found.untold_modules == {".": f"the submodule does not have its commit {before}"}
        git(root, "submodule", "-q", "deinit", "-f", "components")
        found = GitConfigRepository(root).changed_since("dev", "HEAD")
        assert found.untold_modules == {".": "the submodule is not checked out"}

    def test_a_shallow_clone(self, tmp_path: Path) -> None:
        """Of a commit before its history nothing is known, of its own everything; a full clone has all."""
        origin = origin_of(tmp_path / "origin")
        before = git(origin, "rev-parse", "HEAD")
        write_config(origin, "a/one", '{"x": 1}')
        commit_all(origin)
        git(tmp_path, "clone", "-q", "--bare", str(origin), "bare.git")
        git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/bare.git", "clone")
        repository = GitConfigRepository(tmp_path / "clone")
        for ref in (before, "HEAD~1"):
            found = repository.changed_since("dev", ref)
            assert found.untold_configs == f"the clone is shallow and does not have {ref}"
            assert found.untold_modules == {".": found.untold_configs}
        write_config(tmp_path / "clone", "a/two", '{"x": 1}')
        assert repository.changed_since("dev", "HEAD").addresses == {"a/two"}
        assert GitConfigRepository(origin).changed_since("dev", before).addresses == {"a/one"}
        with pytest.raises(NotFound):
            GitConfigRepository(origin).changed_since("dev", "HEAD~9")

    def test_files_that_git_does_not_look_at(self, tmp_path: Path) -> None:
        """Marked and ignored files that are there are named; Terraform's own folders and states are not."""
        root = origin_of(tmp_path)
        write(root / ".gitignore", "*.zip\n.terraform/\n*.tfstate\n")
        commit_all(root)
        git(root, "update-index", "--assume-unchanged", "components/a/main.tf")
        git(root, "update-index", "--skip-worktree", "iac/dev/a/one/config.json")
        for path in ("b/code.zip", "b/.terraform/x.zip", "b/terraform.tfstate"):
            write(root / "components" / path, "")
        found = GitConfigRepository(root).changed_since("dev", "HEAD")
        assert found.untold_modules == {
            "a/main.tf": "it is marked assume-unchanged",
            "b/code.zip": "Git ignores it",
        }
        assert found.untold_configs == "iac/dev/a/one/config.json: it is marked skip-worktree"

    def test_configs_in_a_submodule(self, tmp_path: Path) -> None:
        """Edits of the submodule's configs are found, too."""
        inner = tmp_path / "inner"
        write(inner / "dev/a/one/config.json", "{}")
        write(inner / "dev/a/two/config.json", "{}")
        commit_all(inner)
        root = tmp_path / "root"
        write(root / "components/a/main.tf", "")
        commit_all(root)
        git(root, *ALLOWED, "submodule", "add", "-q", str(inner), "iac")
        commit_all(root)
        repository = GitConfigRepository(root)
        assert repository.changed_since("dev", "HEAD").addresses == frozenset()
        made = repository.provenance(list(repository.scan("dev")))["a/one"]
        commit = git(root / "iac", "rev-parse", "HEAD")
        assert (made.commit, made.path, made.dirty) == (commit, "dev/a/one/config.json", False)
        write_config(root, "a/two", '{"x": 1}')
        assert repository.changed_since("dev", "HEAD").addresses == {"a/two"}
        assert repository.changed_since("dev", "HEAD~1").addresses == {"a/one", "a/two"}
