"""Mutation testing: `python -m tests.mutation [group …]`; all groups of `groups.py` without one.

mutmut changes one expression of a module at a time and runs the group's suites. A mutant is killed where a
test fails, or where the mutant never ends. It ends with 1 if a mutant survives that `equivalent.toml` does
not list, or if a listed one is killed or gone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from tests.mutation.groups import GROUPS, Group
from tests.mutation.worker import RESULTS

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "mutants"
PACKAGES = BUILD / "packages"
KILLED = {"killed", "timeout", "segfault"}
COPIED = ("prefect.yaml", "flows", "tasks", "examples")
"""Beside the packages `karma_*` and the tests: what test modules import or read."""


def project(group: Group) -> str:
    """The pyproject.toml of the folder that mutmut works in."""
    beside = [*sorted({path.name for path in ROOT.glob("karma_*")} - {"karma_core"}), *COPIED]
    return f"""
[tool.mutmut]
source_paths = ["karma_core"]
only_mutate = {json.dumps(group.modules)}
also_copy = {json.dumps(beside)}
pytest_add_cli_args = ["-p", "no:cacheprovider", "--import-mode=importlib", "-o", "timeout=60"]
pytest_add_cli_args_test_selection = {json.dumps(group.tests)}
use_git_change_detection = false
track_dependencies = false

[tool.pytest.ini_options]
pythonpath = ["."]
markers = ["soak: random scenarios"]
"""


def run(name: str, jobs: int) -> list[dict[str, str]]:
    """Run the mutants of a group; name, status, was and now of each."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in (*ROOT.glob("karma_*"), ROOT / "tests", *(ROOT / other for other in COPIED)):
        (folder / path.name).symlink_to(path)
    (folder / "pyproject.toml").write_text(project(GROUPS[name]))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    words = [sys.executable, str(Path(__file__).with_name("worker.py")), str(PACKAGES), str(jobs)]
    log = folder / "log.txt"
    with log.open("w") as output:
        done = subprocess.run(words, cwd=folder, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        sys.exit(f"mutmut failed on {name}; the end of {log}:\n{log.read_text()[-2000:]}")
    results: list[dict[str, str]] = json.loads((folder / RESULTS).read_text())
    return results


def function_of(mutant: str) -> str:
    """`karma_core.walk.xǁWalkǁtake__mutmut_2` → `karma_core.walk.Walk.take`."""
    module, _, name = mutant.partition("__mutmut_")[0].rpartition(".")
    return f"{module}.{name.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"


def key_of(mutant: dict[str, Any]) -> tuple[str, str, str]:
    """(function, was, now), which stays the same while other lines of the function change."""
    return mutant["function"], mutant["was"], mutant["now"]


def equivalents() -> dict[tuple[str, str, str], str]:
    """The mutants that change no behaviour, each with its reason."""
    listed = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text()).get("mutant", [])
    return {key_of(entry): entry["reason"] for entry in listed}


def judged(name: str, results: list[dict[str, str]], reasons: dict[tuple[str, str, str], str]) -> bool:
    """Print the figures of a group, and every mutant that is not as it should be; whether there is none."""
    mutants = [{**one, "function": function_of(one["name"])} for one in results]
    alive = [one for one in mutants if one["status"] not in KILLED]
    survivors = [one for one in alive if key_of(one) not in reasons]
    modules = tuple(path.removesuffix(".py").replace("/", ".") for path in GROUPS[name].modules)
    living = {key_of(one) for one in alive}
    stale = [key for key in reasons if key[0].startswith(modules) and key not in living]
    killed = len(mutants) - len(alive)
    print(f"{name}: {len(mutants)} mutants, {killed} killed, {len(alive) - len(survivors)} equivalent, "
          f"{len(survivors)} survive")  # fmt: skip
    for one in survivors:
        print(f"  {one['function']} ({one['status']}, {one['name']})\n    - {one['was']}\n    + {one['now']}")
    for function, was, now in stale:
        print(f"  equivalent.toml lists what is killed or gone: {function}\n    - {was}\n    + {now}")
    return not survivors and not stale


def main() -> int:
    """Run the groups that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at once")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.groups) - GROUPS.keys())
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)}")
    reasons, began, good = equivalents(), time.monotonic(), True
    for name in chosen.groups or GROUPS:
        good = judged(name, run(name, chosen.jobs), reasons) and good
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
