"""The copies of modules that Terraform runs in."""

from __future__ import annotations

from pathlib import Path

from karma_adapters.terraform.work_trees import WorkTrees


def test_a_file_that_is_not_as_it_is_archived_is_replaced(tmp_path: Path) -> None:
    """What Terraform put there stays, its lock file as it has it; what was damaged or is gone comes back."""
    archived = tmp_path / "archive/components/box"
    archived.mkdir(parents=True)
    for name in ("main.tf", "run.sh", ".terraform.lock.hcl"):
        (archived / name).write_text(f"as archived: {name}")
    (archived / "run.sh").chmod(0o555)
    trees = WorkTrees(tmp_path / "work")
    tree = trees.place("box/one", archived, "sha256:abc")
    (tree / "main.tf").write_text("another")
    (tree / "run.sh").unlink()
    (tree / ".terraform.lock.hcl").write_text("with more hashes")
    (tree / "errored.tfstate").write_text("{}")
    assert trees.place("box/one", archived, "sha256:abc") == tree
    found = {path.name: path.read_text() for path in tree.iterdir()}
    assert found == {
        "main.tf": "as archived: main.tf",
        "run.sh": "as archived: run.sh",
        ".terraform.lock.hcl": "with more hashes",
        "errored.tfstate": "{}",
    }
    assert (tree / "run.sh").stat().st_mode & 0o777 == 0o555
