"""The contract of `ports.ModuleCopies`: the archive of files, and the one in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.modules.archive import ModuleArchive
from karma_adapters.modules.directory import ModuleDirectory
from karma_core.errors import BadInput, NotFound
from karma_core.ports import ModuleCopies
from tests.memory.copies import MemoryModuleCopies
from tests.memory.terraform import MemoryModules


def archived(root: Path, **more: str) -> str:
    """Archive a module with a child module and a program below `root`; its digest."""
    (root / ".git").mkdir()
    files = {
        "box/main.tf": 'module "part" {\n  source = "../part"\n}\n',
        "part/main.tf": "",
        "box/run.sh": "#!",
        **more,
    }
    for name, text in files.items():
        path = root / "components" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "components" / "box" / "run.sh").chmod(0o755)
    modules = ModuleDirectory(root / "components", archive=root / "archive", cache=root / "cache")
    module = modules.module("box")
    assert module is not None
    return modules.archive(module)


@pytest.fixture(params=["files", "files from outside", "memory"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ModuleCopies, ModuleCopies, str]:
    """An archive with a module, an empty one of the same kind, and the module's digest."""
    if request.param != "memory":
        reading = {"box/o.tf": 'output "o" {\n  value = file("../../a/b.txt")\n}\n', "../a/b.txt": "b"}
        digest = archived(tmp_path, **(reading if "outside" in request.param else {}))
        return ModuleArchive(tmp_path / "archive"), ModuleArchive(tmp_path / "other"), digest
    modules = MemoryModules(("box",))
    module = modules.module("box")
    assert module is not None
    return MemoryModuleCopies(modules), MemoryModuleCopies(), modules.archive(module)


def test_a_packed_module_is_archived_elsewhere(filled: tuple[ModuleCopies, ModuleCopies, str]) -> None:
    """And again, which changes nothing."""
    source, target, digest = filled
    assert (source.digests(), target.digests()) == ((digest,), ())
    packed = source.packed(digest)
    for _ in range(2):
        target.unpack(digest, packed)
    assert target.digests() == (digest,)
    assert target.packed(digest) == packed


def test_what_is_not_archived_is_not_packed(filled: tuple[ModuleCopies, ModuleCopies, str]) -> None:
    """NotFound."""
    with pytest.raises(NotFound):
        filled[1].packed("sha256:" + "0" * 64)


def test_what_is_no_module_is_refused(filled: tuple[ModuleCopies, ModuleCopies, str]) -> None:
    """And nothing is archived."""
    with pytest.raises(BadInput) as caught:
        filled[1].unpack(filled[2], b"[1, 2]")
    assert caught.value.code == "backup-damaged"
    assert filled[1].digests() == ()


def test_the_files_come_back_with_what_they_may(tmp_path: Path) -> None:
    """Terraform finds the module, its child module and a program that can be run."""
    digest = archived(tmp_path)
    target = ModuleArchive(tmp_path / "other")
    target.unpack(digest, ModuleArchive(tmp_path / "archive").packed(digest))
    module = target.find(digest, "box")
    assert module is not None
    assert (Path(module.path) / "run.sh").stat().st_mode & 0o111
    assert (Path(module.path).parent / "part" / "main.tf").is_file()
    assert target.files(digest, "box") is not None


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../b"])
def test_a_path_out_of_the_archive_is_refused(tmp_path: Path, path: str) -> None:
    """A backup is data: whoever can change one must not choose where its files go."""
    digest = archived(tmp_path)
    packed = ModuleArchive(tmp_path / "archive").packed(digest)
    with pytest.raises(BadInput) as caught:
        ModuleArchive(tmp_path / "other").unpack(digest, packed.replace(b"box/main.tf", path.encode()))
    assert caught.value.code == "backup-damaged"
    assert ModuleArchive(tmp_path / "other").digests() == ()
