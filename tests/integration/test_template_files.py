"""Files and templates of a module: what Karma makes of them is what Terraform makes of them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

from karma_adapters.modules.directory import ModuleDirectory
from karma_core.inference.encoding_functions import jsonencode
from karma_core.inference.evaluate import compile_facts
from karma_core.inference.module_scope import root_frame
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.values import failed, known

FILES = {
    "app/plain.txt": "a line\nanother ${x}\n",
    "app/data.json": '{"vpc": "core", "numbers": [1, 2.50]}',
    "app/list.tftpl": "%{ for i, v in items ~}\n${i}: ${upper(v)}\n%{ endfor ~}\nend ${name}\n",
    "app/wraps.tftpl": "${items}",
    "app/module.tftpl": "${var.x}",
    "app/broken.tftpl": "%{ if x }",
    "shared/n.tftpl": "vpc-${n}",
    "../policies/p.json": '{"Statement": "é"}',
}
EXPRESSIONS = (
    'file("plain.txt")',
    'file("${path.module}/plain.txt")',
    'jsondecode(file("${path.module}/data.json")).numbers[1]',
    'jsondecode(file("${path.module}/../../policies/p.json")).Statement',
    'filemd5("plain.txt")',
    'filesha256("data.json")',
    'filebase64sha256("data.json")',
    'templatefile("list.tftpl", { items = ["a", "b"], name = 1 })',
    'templatefile("${path.module}/list.tftpl", { items = [], name = true })',
    'templatefile("wraps.tftpl", { items = [1] })',
    'templatefile("../shared/n.tftpl", { n = "core" })',
    'try(templatefile("list.tftpl", { items = ["a"] }), "fails")',
    'try(templatefile("broken.tftpl", {}), "fails")',
    'try(templatefile("module.tftpl", {}), "fails")',
    'try(file("absent.txt"), "fails")',
)


def test_files_and_templates_have_terraforms_values(tmp_path: Path) -> None:
    """Texts, hashes, templates; from the module's folder, from beside it and from above."""
    root = tmp_path / "components"
    (tmp_path / ".git").mkdir()
    lines = "".join(f"  e{number} = {text}\n" for number, text in enumerate(EXPRESSIONS))
    for name, text in {**FILES, "app/main.tf": f"locals {{\n{lines}}}\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    facts = ModuleDirectory(root, archive=tmp_path / "archive", cache=tmp_path / "cache").facts("app")
    assert facts is not None
    frame = root_frame(compile_facts(facts), Reading(Inputs(address="app/a", prefix="/iac", variables={})))
    values = [frame.local(f"e{number}") for number in range(len(EXPRESSIONS))]
    assert not any(map(failed, values))
    every = ", ".join(f"local.e{number}" for number in range(len(EXPRESSIONS)))
    ended = subprocess.run(
        ["terraform", "console"],
        cwd=root / "app",
        input=f"base64encode(jsonencode([{every}]))\n",
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(base64.b64decode(json.loads(ended.stdout)))
    compared = [
        (text, json.loads(jsonencode(ours)), value)
        for text, ours, value in zip(EXPRESSIONS, values, theirs, strict=True)
        if known(ours)
    ]
    assert [one for one in compared if one[1] != one[2]] == []
    assert len(compared) >= len(EXPRESSIONS) - 3  # what is absent, and what is no template, is not known
