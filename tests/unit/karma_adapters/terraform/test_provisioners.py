"""Commands of modules without the worker's credentials, in the files of a copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from karma_adapters.terraform.provisioners import ALWAYS_WITHHELD, has_provisioners, withhold
from karma_adapters.terraform.work_trees import WorkTrees
from karma_core import hcl

BLOCKS = {
    "several lines": 'provisioner "local-exec" {\n    command = "x"\n  }',
    "one line": 'provisioner "local-exec" { command = "x" }',
    "a comment": 'provisioner "local-exec" {\n    command = "x" # why\n    when = destroy\n  }',
    "a heredoc": 'provisioner "local-exec" {\n    command = <<-EOT\n      x\n    EOT\n  }',
    "an environment": 'provisioner "local-exec" {\n    environment = { A = var.a }\n    command = "x"\n  }',
}


def _environment(text: bytes) -> str:
    document = hcl.parse(text, "main.tf")
    [resource] = document.body.of_type("resource")
    [block] = resource.of_type("provisioner")
    return (block.attributes["environment"].expression.text or b"").decode()


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
def test_every_form_of_a_command_gets_an_environment(tmp_path: Path, block: str) -> None:
    """However it is written, the file stays valid, and the credentials are emptied."""
    file = tmp_path / "main.tf"
    file.write_text(f'resource "terraform_data" "this" {{\n  {block}\n}}\n')
    withhold(tmp_path, ["VAULT_TOKEN"])
    environment = _environment(file.read_bytes())
    assert all(f'"{name}": ' in environment for name in (*ALWAYS_WITHHELD, "VAULT_TOKEN"))
    assert ("A = var.a" in environment) is ("A = var.a" in block)


def test_modules_in_json_syntax(tmp_path: Path) -> None:
    """One command or a list of them, with and without an environment of its own."""
    own = {"command": "x", "environment": {"A": "1", "AWS_PROFILE": "mine"}}
    provisioners = [
        {"local-exec": {"command": "x"}},
        {"local-exec": [own]},
        {"remote-exec": {"inline": ["x"]}},
    ]
    file = tmp_path / "main.tf.json"
    file.write_text(json.dumps({"resource": {"terraform_data": {"this": {"provisioner": provisioners}}}}))
    withhold(tmp_path)
    first, second, remote = json.loads(file.read_text())["resource"]["terraform_data"]["this"]["provisioner"]
    assert first["local-exec"]["environment"] == ALWAYS_WITHHELD
    assert second["local-exec"][0]["environment"] == {**ALWAYS_WITHHELD, "A": "1", "AWS_PROFILE": "mine"}
    assert remote == provisioners[2]


def test_what_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """Terraform says what is wrong with it; a link is not followed."""
    outside = tmp_path / "outside.tf"
    outside.write_text('resource "a" "b" {\n  provisioner "local-exec" { command = "x" }\n}\n')
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "main.tf").write_text('resource "local-exec" {{{ "')
    (tree / "main.tf.json").write_text('{"local-exec": ')
    (tree / "link.tf").symlink_to(outside)
    before = outside.read_text()
    withhold(tree)
    assert (tree / "main.tf").read_text() == 'resource "local-exec" {{{ "'
    assert outside.read_text() == before


def test_a_type_that_asks_has_a_copy_of_its_own(tmp_path: Path) -> None:
    """The two copies never mix, and a module without commands has the same one as ever."""
    archived = tmp_path / "archive" / "box"
    archived.mkdir(parents=True)
    (archived / "main.tf").write_text('resource "a" "b" {\n  provisioner "local-exec" { command = "x" }\n}\n')
    trees = WorkTrees(tmp_path / "work")
    kept = trees.place("box/one", archived, "sha256:" + "1" * 64, hand_on=False)
    given = trees.place("box/one", archived, "sha256:" + "1" * 64, hand_on=True)
    assert "AWS_SESSION_TOKEN" in (kept / "main.tf").read_text()
    assert "AWS_SESSION_TOKEN" not in (given / "main.tf").read_text()
    assert "AWS_SESSION_TOKEN" not in (archived / "main.tf").read_text()
    plain = tmp_path / "plain" / "box"
    plain.mkdir(parents=True)
    assert not has_provisioners(plain.parent)
    places = {trees.place("box/two", plain, "sha256:" + "2" * 64, hand_on=asked) for asked in (False, True)}
    assert len(places) == 1
