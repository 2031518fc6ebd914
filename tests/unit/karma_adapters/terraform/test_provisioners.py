"""Commands of modules without the worker's credentials, in the files of a copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from karma_adapters.terraform.provisioners import ALWAYS_WITHHELD, has_provisioners, withheld
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
    expression = block.attributes["environment"].expression
    return document.text[expression.start : expression.end]


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
def test_every_form_of_a_command_gets_an_environment(tmp_path: Path, block: str) -> None:
    """However it is written, the file stays valid, and the credentials are emptied."""
    file = tmp_path / "main.tf"
    file.write_text(f'resource "terraform_data" "this" {{\n  {block}\n}}\n')
    environment = _environment(withheld(file.name, file.read_bytes(), ["VAULT_TOKEN"]))
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
    written = json.loads(withheld(file.name, file.read_bytes()))
    first, second, remote = written["resource"]["terraform_data"]["this"]["provisioner"]
    assert first["local-exec"]["environment"] == ALWAYS_WITHHELD
    assert second["local-exec"][0]["environment"] == {**ALWAYS_WITHHELD, "A": "1", "AWS_PROFILE": "mine"}
    assert remote == provisioners[2]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tf", b'resource "local-exec" {{{ "'),
        ("main.tf.json", b'{"local-exec": '),
        ("run.sh", b"# not for local-exec"),
    ],
)
def test_what_cannot_be_read_is_left_alone(name: str, text: bytes) -> None:
    """Terraform says what is wrong with it; a file that is no configuration is none of it."""
    assert withheld(name, text) == text


def test_a_copy_stays_without_credentials(tmp_path: Path) -> None:
    """Also where the copy is there already, and where somebody put the archived file into it."""
    archived = tmp_path / "archive" / "box"
    archived.mkdir(parents=True)
    (archived / "main.tf").write_text('resource "a" "b" {\n  provisioner "local-exec" { command = "x" }\n}\n')
    trees = WorkTrees(tmp_path / "work", ["VAULT_TOKEN"])
    for _ in range(2):
        file = trees.place("box/one", archived, "sha256:" + "1" * 64, hand_on=False) / "main.tf"
        assert "VAULT_TOKEN" in _environment(file.read_bytes())
        file.write_bytes((archived / "main.tf").read_bytes())
    file = trees.place("box/one", archived, "sha256:" + "1" * 64, hand_on=False) / "main.tf"
    assert "VAULT_TOKEN" in _environment(file.read_bytes())


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
