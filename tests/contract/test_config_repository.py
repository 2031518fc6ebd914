"""The contract of `ports.ConfigRepository`, on Git, with files as the world has them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_core.errors import BadInput, NotFound, UsageError
from karma_core.ports import ConfigRepository
from karma_core.records import ConfigFile, GitChanges
from tests.workspace_fakes import write_config


def scan(root: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """(addresses, (code, place) of everything refused)."""
    refused: list[BadInput] = []
    repository: ConfigRepository = GitConfigRepository(root)
    files = list(repository.scan("dev", refuse=refused.append))
    return [file.address for file in files], sorted((bad.code, bad.facts["file"]) for bad in refused)


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit_all(root: Path) -> str:
    """Commit everything below root, and return the commit."""
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    return git(root, "rev-parse", "HEAD")


class TestScan:
    def test_sorted_by_address(self, tmp_path: Path) -> None:
        """Files come sorted by address, which is not the order of directories."""
        for address in ["vpc-peer/a", "vpc/b", "vpc/A", "s3/x.y_z"]:
            write_config(tmp_path, address, "{}")
        write_config(tmp_path, "vpc/other", "{}", environment="prod")
        addresses, refused = scan(tmp_path)
        assert addresses == sorted(["vpc-peer/a", "vpc/b", "vpc/A", "s3/x.y_z"])
        assert refused == []

    def test_what_is_not_a_component_is_passed_over(self, tmp_path: Path) -> None:
        """Files beside components, directories without a config and hidden directories say nothing."""
        write_config(tmp_path, "vpc/core", "{}")
        (tmp_path / "iac/dev/README.md").write_text("x")
        (tmp_path / "iac/dev/vpc/notes.txt").write_text("x")
        (tmp_path / "iac/dev/vpc/empty").mkdir()
        (tmp_path / "iac/dev/.idea/x").mkdir(parents=True)
        (tmp_path / "iac/dev/LINK.md").symlink_to("/etc/hostname")
        assert scan(tmp_path) == (["vpc/core"], [])

    def test_every_bad_name_is_reported(self, tmp_path: Path) -> None:
        """Bad names are all refused with code and place, and the good ones still come."""
        write_config(tmp_path, "vpc/core", "{}")
        for address in ["VPC_x/a", "vpc/-rf", "vpc/a b", "vpc/new\nline", "vpc/" + "n" * 64, "vpc/é"]:
            write_config(tmp_path, address, "{}")
        addresses, refused = scan(tmp_path)
        assert addresses == ["vpc/core"]
        assert {code for code, _ in refused} == {"invalid-name"}
        assert len(refused) == 6
        assert ("invalid-name", "iac/dev/vpc/new\\nline") in refused

    def test_the_first_is_raised_without_a_taker(self, tmp_path: Path) -> None:
        """Who gives no `refuse` gets the first bad place as an error."""
        write_config(tmp_path, "vpc/-x", "{}")
        with pytest.raises(BadInput):
            list(GitConfigRepository(tmp_path).scan("dev"))

    @pytest.mark.parametrize(
        "pair", [("core", "CORE"), ("cafe\u0301", "caf\u00e9"), ("core", "\uff43\uff4f\uff52\uff45")]
    )
    def test_twins(self, tmp_path: Path, pair: tuple[str, str]) -> None:
        """Names that differ by case or Unicode form only are one address twice."""
        for nickname in pair:
            write_config(tmp_path, f"vpc/{nickname}", "{}")
        assert "duplicate-address" in {code for code, _ in scan(tmp_path)[1]}

    def test_unknown_environment(self, tmp_path: Path) -> None:
        """An environment without a directory is NotFound; a name with a path in it is refused before."""
        (tmp_path / "iac").mkdir()
        with pytest.raises(NotFound):
            GitConfigRepository(tmp_path).scan("dev")
        for name in ["../etc", "", ".", "-x", "dev\n", "dev%2f"]:
            with pytest.raises(UsageError):
                GitConfigRepository(tmp_path).scan(name)

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        """A name that is not UTF-8 is refused and can be quoted."""
        write_config(tmp_path, os.fsdecode(b"vpc/\xff"), "{}")
        assert scan(tmp_path)[1] == [("invalid-name", "iac/dev/vpc/\\udcff")]


def _symlink(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 108 bytes only
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)


BAD_FILES = [
    (_symlink, "outside-root"),
    (lambda path: path.symlink_to("/dev/zero"), "outside-root"),
    (_dangling, "broken-link"),
    (_loop, "broken-link"),
    (os.mkfifo, "not-a-file"),
    (_socket, "not-a-file"),
    (Path.mkdir, "not-a-file"),
    (_huge, "too-large"),
]


class TestBadFiles:
    @pytest.mark.parametrize(("make", "code"), BAD_FILES)
    def test_refused_by_the_scan(self, tmp_path: Path, make: Callable[[Path], None], code: str) -> None:
        """What is no plain file inside is refused with its place, unopened: a FIFO would hang."""
        write_config(tmp_path, "vpc/core", "{}")
        bad = tmp_path / "iac/dev/vpc/bad/config.json"
        bad.parent.mkdir()
        make(bad)
        assert scan(tmp_path) == (["vpc/core"], [(code, "iac/dev/vpc/bad/config.json")])

    @pytest.mark.parametrize(("make", "code"), BAD_FILES)
    def test_refused_by_the_reader(self, tmp_path: Path, make: Callable[[Path], None], code: str) -> None:
        """A file that was exchanged after the scan is judged again before it is opened."""
        path = write_config(tmp_path, "vpc/core", "{}")
        repository = GitConfigRepository(tmp_path)
        (file,) = repository.scan("dev")
        path.unlink()
        make(path)
        with pytest.raises(BadInput) as raised:
            repository.read(file)
        assert raised.value.code == code

    def test_directories_that_leave(self, tmp_path: Path) -> None:
        """Linked directories are followed inside the configs only."""
        write_config(tmp_path, "vpc/core", '{"a":1}')
        outside = tmp_path / "outside"
        (outside / "x").mkdir(parents=True)
        (outside / "x/config.json").write_text("{}")
        (tmp_path / "iac/dev/leaves").symlink_to(outside)
        (tmp_path / "iac/dev/vpc/leaves").symlink_to(outside / "x")
        (tmp_path / "iac/dev/vpc/same").symlink_to("core")
        (tmp_path / "iac/dev/vpc/lost").symlink_to("nowhere")
        addresses, refused = scan(tmp_path)
        assert addresses == ["vpc/core", "vpc/same"]
        assert refused == [
            ("broken-link", "iac/dev/vpc/lost"),
            ("outside-root", "iac/dev/leaves"),
            ("outside-root", "iac/dev/vpc/leaves"),
        ]

    def test_a_made_up_path_does_not_leave(self, tmp_path: Path) -> None:
        """The reader trusts no path that it is given."""
        write_config(tmp_path, "vpc/core", "{}")
        (tmp_path / "secret").write_text("canary")
        for path in ["iac/../secret", "/etc/passwd", "iac/dev/../../secret"]:
            with pytest.raises(BadInput) as raised:
                GitConfigRepository(tmp_path).read(ConfigFile(address="vpc/core", path=path, stamp=""))
            assert raised.value.code == "outside-root"


class TestStamps:
    def test_still_file_still_stamp(self, tmp_path: Path) -> None:
        """A file at rest has the same stamp in every scan."""
        write_config(tmp_path, "vpc/core", "{}")
        time.sleep(0.15)
        repository = GitConfigRepository(tmp_path)
        assert list(repository.scan("dev")) == list(repository.scan("dev"))

    def test_fresh_file_never_the_same(self, tmp_path: Path) -> None:
        """A file written within a clock tick may change unseen: its stamp is another each time."""
        path = write_config(tmp_path, "vpc/core", "{}")
        repository = GitConfigRepository(tmp_path)
        path.write_text("{}")
        assert list(repository.scan("dev")) != list(repository.scan("dev"))

    def test_times_set_back(self, tmp_path: Path) -> None:
        """Another content of the same size and modification time has another stamp."""
        path = write_config(tmp_path, "vpc/core", '{"a":1}')
        os.utime(path, ns=(10**18, 10**18))
        time.sleep(0.15)
        (before,) = GitConfigRepository(tmp_path).scan("dev")
        path.write_text('{"a":2}')
        os.utime(path, ns=(10**18, 10**18))
        time.sleep(0.15)
        (after,) = GitConfigRepository(tmp_path).scan("dev")
        assert before.stamp != after.stamp


class TestGit:
    def test_provenance(self, tmp_path: Path) -> None:
        """Commit of HEAD, path from the work tree's top, and dirty for what HEAD does not hold."""
        root = tmp_path / "sub dir"
        for address in ["vpc/clean", "vpc/edited", "vpc/ignored", "zone/all-ignored"]:
            write_config(root, address, "{}")
        (tmp_path / ".gitignore").write_text("ignored/\nzone/\n")
        head = commit_all(tmp_path)
        write_config(root, "vpc/edited", '{"a":1}')
        write_config(root, "vpc/new", "{}")
        repository = GitConfigRepository(root)
        found = repository.provenance(list(repository.scan("dev")))
        assert {made.commit for made in found.values()} == {head}
        assert found["vpc/clean"].path == "sub dir/iac/dev/vpc/clean/config.json"
        assert [address for address, made in sorted(found.items()) if not made.dirty] == ["vpc/clean"]

    def test_without_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Outside a work tree, or without the binary, there is a path and no commit."""
        write_config(tmp_path, "vpc/core", "{}")
        repository = GitConfigRepository(tmp_path)
        files = list(repository.scan("dev"))
        outside = repository.provenance(files)["vpc/core"]
        assert (outside.commit, outside.path) == (None, "iac/dev/vpc/core/config.json")
        commit_all(tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert repository.provenance(files)["vpc/core"].commit is None

    def test_before_the_first_commit(self, tmp_path: Path) -> None:
        """In an empty repository everything is dirty and of no commit."""
        write_config(tmp_path, "vpc/core", "{}")
        git(tmp_path, "init", "-q")
        repository = GitConfigRepository(tmp_path)
        found = repository.provenance(list(repository.scan("dev")))["vpc/core"]
        assert (found.commit, found.dirty) == (None, True)

    def test_configuration_runs_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither a monitor in the repository's configuration nor the environment's Git variables act."""
        write_config(tmp_path, "vpc/core", "{}")
        head = commit_all(tmp_path)
        canary = tmp_path / "canary"
        hook = tmp_path / "hook.sh"
        hook.write_text(f"#!/bin/sh\ntouch '{canary}'\n")
        hook.chmod(0o755)
        git(tmp_path, "config", "core.fsmonitor", str(hook))
        git(tmp_path, "config", "diff.external", str(hook))
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(hook))
        canary.unlink(missing_ok=True)
        repository = GitConfigRepository(tmp_path)
        assert repository.provenance(list(repository.scan("dev")))["vpc/core"].commit == head
        write_config(tmp_path, "vpc/core", "{ }")
        assert repository.changed_since("dev", "HEAD").addresses == {"vpc/core"}
        assert not canary.exists()

    def test_a_config_as_it_is_in_a_commit(self, tmp_path: Path) -> None:
        """Whatever the work tree holds; None where it has no such file, NotFound without the commit."""
        write_config(tmp_path, "vpc/core", '{"a": 1}')
        commit = commit_all(tmp_path)
        write_config(tmp_path, "vpc/core", '{"a": 2}')
        repository = GitConfigRepository(tmp_path)
        assert repository.config_at("dev", "vpc/core", commit) == b'{"a": 1}'
        assert repository.config_at("dev", "vpc/other", commit) is None
        with pytest.raises(NotFound):
            repository.config_at("dev", "vpc/core", "f" * 40)

    def test_a_commit_is_fetched_from_its_remote(self, tmp_path: Path) -> None:
        """A clone that is behind gets the commit that a push told of."""
        origin, clone = tmp_path / "origin", tmp_path / "clone"
        write_config(origin, "vpc/core", '{"a": 1}')
        commit_all(origin)
        git(tmp_path, "clone", "-q", str(origin), str(clone))
        write_config(origin, "vpc/core", '{"a": 2}')
        newer = commit_all(origin)
        assert GitConfigRepository(clone).config_at("dev", "vpc/core", newer) == b'{"a": 2}'

    def test_changed_since(self, tmp_path: Path) -> None:
        """Edited, new and deleted configs and modules of this environment, committed or not."""
        for address in ["vpc/same", "vpc/edited", "vpc/deleted", "vpc/committed"]:
            write_config(tmp_path, address, "{}")
        for component_type in ["vpc", "zone"]:
            (tmp_path / "components" / component_type).mkdir(parents=True)
            (tmp_path / "components" / component_type / "main.tf").write_text("")
        write_config(tmp_path, "vpc/other", "{}", environment="prod")
        base = commit_all(tmp_path)
        write_config(tmp_path, "vpc/committed", '{"a":1}')
        commit_all(tmp_path)
        write_config(tmp_path, "vpc/edited", '{"a":1}')
        write_config(tmp_path, "vpc/new", "{}")
        write_config(tmp_path, "vpc/other", '{"a":1}', environment="prod")
        (tmp_path / "iac/dev/vpc/deleted/config.json").unlink()
        (tmp_path / "components/zone/sub").mkdir()
        (tmp_path / "components/zone/sub/x.tf").write_text("")
        repository = GitConfigRepository(tmp_path)
        addresses = {"vpc/edited", "vpc/deleted", "vpc/committed", "vpc/new"}
        modules = frozenset({"zone/sub/x.tf"})
        changes = GitChanges(addresses=frozenset(addresses), modules=modules)
        assert repository.changed_since("dev", base) == changes
        fewer = GitChanges(addresses=frozenset(addresses - {"vpc/committed"}), modules=modules)
        assert repository.changed_since("dev", "HEAD") == fewer

    def test_modules_elsewhere(self, tmp_path: Path) -> None:
        """A revision of the configs says nothing of modules in another place."""
        root, modules = tmp_path / "configs", tmp_path / "modules"
        write_config(root, "vpc/core", "{}")
        commit_all(root)
        (modules / "vpc").mkdir(parents=True)
        repository = GitConfigRepository(root, modules=str(modules))
        found = repository.changed_since("dev", "HEAD")
        assert (found.modules, found.untold_modules) == (
            frozenset(),
            {".": "it lies outside the configs' work tree"},
        )

    @pytest.mark.parametrize("ref", ["", "--output=/tmp/x", "-x", "a b", "a\nb", ":/x", "HEAD\0"])
    def test_a_reference_is_no_option(self, tmp_path: Path, ref: str) -> None:
        """What is no revision by its form never reaches Git."""
        write_config(tmp_path, "vpc/core", "{}")
        commit_all(tmp_path)
        with pytest.raises(UsageError) as raised:
            GitConfigRepository(tmp_path).changed_since("dev", ref)
        assert raised.value.code == "invalid-ref"

    def test_unknown_reference(self, tmp_path: Path) -> None:
        """A commit that is not there is NotFound, and so is a directory outside Git."""
        write_config(tmp_path, "vpc/core", "{}")
        with pytest.raises(NotFound) as raised:
            GitConfigRepository(tmp_path).changed_since("dev", "main")
        assert raised.value.code == "no-work-tree"
        commit_all(tmp_path)
        with pytest.raises(NotFound) as raised:
            GitConfigRepository(tmp_path).changed_since("dev", "v9.9")
        assert raised.value.code == "unknown-ref"


class TestWrite:
    def test_what_is_written_is_scanned_and_read(self, tmp_path: Path) -> None:
        """A new component's folders are made; an existing file is replaced; None removes it."""
        repository = GitConfigRepository(tmp_path)
        write_config(tmp_path, "vpc/core", "{}")
        assert repository.write("dev", "vpc/core", b'{"a": 1}') == "iac/dev/vpc/core/config.json"
        repository.write("dev", "queue/new", b"{}")
        files = {file.address: repository.read(file) for file in repository.scan("dev")}
        assert files == {"queue/new": b"{}", "vpc/core": b'{"a": 1}'}
        repository.write("dev", "queue/new", None)
        repository.write("dev", "queue/never", None)
        assert scan(tmp_path) == (["vpc/core"], [])

    def test_nothing_is_written_outside_the_root(self, tmp_path: Path) -> None:
        """Neither by a name nor through a link."""
        repository = GitConfigRepository(tmp_path / "project")
        write_config(tmp_path / "project", "vpc/core", "{}")
        (tmp_path / "outside").mkdir()
        (tmp_path / "project/iac/dev/queue").symlink_to(tmp_path / "outside")
        with pytest.raises(BadInput) as caught:
            repository.write("dev", "queue/new", b"{}")
        assert caught.value.code == "outside-root"
        with pytest.raises(UsageError):
            repository.write("dev", "../x", b"{}")
        assert list((tmp_path / "outside").iterdir()) == []
