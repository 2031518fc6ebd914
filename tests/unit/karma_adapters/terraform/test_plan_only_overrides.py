"""Override files of what a plan-only copy replaces: merged into the block before."""

from __future__ import annotations

from pathlib import Path

from karma_adapters.terraform import plan_only
from karma_adapters.terraform.plan_only_overrides import merged
from karma_core import hcl
from karma_core.records import Module, PlannedRuntime, PlannedState, TerraformJob
from karma_core.state_places import NamedState

STATE = 'data "terraform_remote_state" "n" {'
OTHER = 'resource "x" "y" {\n  a = 1\n}\n'


def both(*files: tuple[str, str]) -> list[str]:
    """The texts of the files after the merge."""
    documents = [hcl.parse(text.encode(), name) for name, text in files]
    return [one.text for one in merged(documents, {"terraform_remote_state"})]


def test_an_override_file_changes_the_block_itself() -> None:
    """Arguments, one of `count` and `for_each`, nested blocks by type; other blocks stay where they are."""
    base = STATE + '\n  count = 1\n  backend = "s3"\n  defaults = { a = 1 }\n'
    base += "  timeouts {\n    read = 1\n  }\n  lifecycle {\n    a = 1\n    b = 1\n  }\n}\n"
    override = f'{STATE}\n  for_each = {{}}\n  backend = "local"\n'
    override += f"  timeouts {{\n    read = 2\n  }}\n  lifecycle {{\n    b = 2\n  }}\n}}\n{OTHER}"
    last = f"{STATE}\n  config = <<-E\n    x\n  E\n}}\n"
    main, changed, later = both(("main.tf", OTHER + base), ("a_override.tf", override), ("override.tf", last))
    assert (changed.strip(), later.strip()) == (OTHER.strip(), "")
    assert main.startswith(OTHER)
    [block] = hcl.parse(main.encode(), "main.tf").body.of_type("data")
    assert set(block.attributes) == {"for_each", "backend", "defaults", "config"}
    assert 'backend = "local"' in main
    assert [one.type for one in block.blocks] == ["timeouts", "lifecycle"]
    assert "read = 2" in main
    assert "read = 1" not in main
    assert set(block.blocks[1].attributes) == {"a", "b"}
    assert "b = 2" in main


def test_nothing_is_changed_without_an_override_file() -> None:
    """Two blocks of one name in ordinary files are Terraform's to refuse."""
    files = [("a.tf", STATE + "\n}\n"), ("b.tf", STATE + "\n}\n")]
    assert both(*files) == [text for _, text in files]


def test_the_copy_has_one_local_for_both(tmp_path: Path) -> None:
    """Before, it had two of one name, and Terraform refused the module."""
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "main.tf").write_text(f'{STATE}\n  backend = "s3"\n}}\n')
    (tmp_path / "box" / "x_override.tf").write_text(f'{STATE}\n  backend = "local"\n  config = {{}}\n}}\n')
    module = Module(type="box", digest="d", path="p", variables=(), outputs=())
    planned = PlannedState(named=NamedState("local", (("path", "/s"),)), outputs=PlannedRuntime(known={}))
    job = TerraformJob(address="box/one", module=module, variables={}, states=(planned,))
    copy = plan_only.copy_module(tmp_path / "box", tmp_path / "copy", job)
    assert (copy / plan_only.FILE).read_text().count("karma_state_n = ") == 1
    assert (copy / "x_override.tf").read_text().strip() == ""
    assert "for_each = " in (copy / "main.tf").read_text()
