"""`.ci/run` tests a clone of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
STUB = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path.cwd()
with open({notes!r}, "a") as notes:
    json.dump({{
        "target": sys.argv[1:],
        "beside": sorted(p.name for p in here.parent.iterdir()),
        "files": sorted(p.name for p in here.iterdir()),
        "karma": sorted(name for name in os.environ if name.startswith("KARMA_")),
    }}, notes)
    notes.write("\\n")
"""


def test_it_runs_the_tests_where_nothing_is_beside_the_checkout(tmp_path: Path) -> None:
    """Only what is committed is there, and no variable of the caller's; the clone is gone afterwards."""
    checkout, tools, notes = tmp_path / "checkout", tmp_path / "tools", tmp_path / "notes"
    (checkout / ".ci").mkdir(parents=True)
    tools.mkdir()
    shutil.copy(ROOT / ".ci/run", checkout / ".ci/run")
    for script in (checkout / ".ci/packages", tools / "make"):
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    (tools / "make").write_text(STUB.format(python=sys.executable, notes=str(notes)))
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    (checkout / "not-committed").write_text("")
    places = tmp_path / "places"
    places.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "TMPDIR": str(places),
        "KARMA_ENV": "prod",
    }
    subprocess.run(["bash", str(checkout / ".ci/run")], check=True, env=environment, stdin=subprocess.DEVNULL)
    (ran,) = [json.loads(line) for line in notes.read_text().splitlines()]
    assert ran == {
        "target": ["test"],
        "beside": ["karma"],
        "files": [".ci", ".git"],
        "karma": ["KARMA_TEST_REQUIRE"],
    }
    assert list(places.iterdir()) == []
