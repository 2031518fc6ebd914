"""A small environment with a history, its stores damaged in every way, and what commands then make of it.

The oracle is outside Karma: the cloud of `tests/ledger_terraform.py`, and what the same commands say and do
with the same environment undamaged. Whatever is damaged, a command may refuse, block or repair; it may never
do to the cloud what the undamaged environment would not have done, nor say what is not so.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import KarmaError
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.fleet.states import check_all_states
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.graph.history import snapshot
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.ledger_terraform import Cloud, LedgerTerraform

_Answer = TypeVar("_Answer")

SETTINGS = """
[project]
orchestrator = "direct"
[environments.test]
parallelism = 1
"""
MODULE = """
variable "config" { type = any }
variable "dependencies" {
  type    = any
  default = {}
}
output "runtime" {
  value = { size = try(var.config.size, 0) }
}
"""
ALL = Selection(everything=True)
USER = Selection(targets=("a/user",))
STARTED: dict[str, dict[str, Any]] = {
    "a/base": {},
    "a/user": {"a_nickname": "base"},
    "b/drifted": {},
    "b/gone": {},
    "b/pending": {},
}
"""What is deployed from the start. b/late comes with the third operation before the last, b/gone goes with
the fourth. The last publishes b/new and another b/pending without deploying them."""

STORES: dict[str, tuple[str, ...]] = {
    "parameters": ("test/parameters.sqlite",),
    "state": ("test/state.sqlite",),
    "graph": ("test/graph.sqlite",),
    "log": ("test/log.sqlite",),
    "log file": ("test/log.jsonl",),
    "publish index": ("publish/test.index",),
    "artifacts": ("test/artifacts",),
    "module archive": ("modules",),
    "terraform state": ("test/tfstate/a/user/terraform.tfstate",),
    "terraform states": ("test/tfstate",),
}
"""Each store → its files or folders, below `.karma`."""


# -- the environment --------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """The project's folder at a time between two operations, and the cloud as it was then."""

    folder: Path
    cloud: Cloud

    def copied(self, folder: Path) -> Moment:
        """A copy to work on."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return Moment(folder, self.cloud.copy())

    @contextlib.contextmanager
    def opened(self) -> Iterator[Workspace]:
        """What a new process would open."""
        made = open_workspace(read_settings(self.folder), "test", user="tester")
        terraform = LedgerTerraform(self.folder / ".karma/test/tfstate", self.cloud)
        try:
            yield replace(made, terraform=terraform)
        finally:
            made.log.close()  # type: ignore[attr-defined]
            for store in (made.state, made.graph, made.parameters):
                store.close()  # type: ignore[union-attr]


class History:
    """An environment that has seen `operations`, and its moments: `moments[-1]` is after the last one."""

    def __init__(self, root: Path, operations: int, kept: set[int]) -> None:
        self._now = Moment(root / "now", Cloud())
        self.moments: dict[int, Moment] = {}
        module = "".join(MODULE)
        for component_type in ("a", "b"):
            place = self._now.folder / "components" / component_type
            place.mkdir(parents=True)
            (place / "main.tf").write_text(module)
        (self._now.folder / "karma.toml").write_text(SETTINGS)
        for number in range(operations):
            self._operation(number, operations - 1 - number)
            ago = operations - 1 - number
            if ago in kept:
                self.moments[ago] = self._now.copied(root / f"{ago}-ago")
                _settle(self.moments[ago].folder)

    def _operation(self, number: int, ago: int) -> None:
        names = [name for name in STARTED if name != "b/gone" or ago > 4]
        if number == 0:
            for name in names:
                self._write(name, size=0, **STARTED[name])
        elif ago == 4:
            shutil.rmtree(self._now.folder / "iac/test/b/gone")
        elif ago == 3:
            self._write("b/late", size=1)
        elif ago == 0:
            self._write("b/new", size=1)
            self._write("b/pending", size=-1)
        else:
            name = names[number % len(names)]
            self._write(name, size=number, **STARTED[name])
        with self._now.opened() as workspace:
            if ago == 4:
                destroy(workspace, Selection(targets=("b/gone",)), ThreadExecutor)
            publish(workspace, prune=True, assume_yes=True)
            if ago:
                result = deploy(workspace, ALL, ThreadExecutor)
                assert result.status == "succeeded", result
            else:
                self._drift()

    def _drift(self) -> None:
        """Somebody changes b/drifted in the cloud."""
        resource = self._now.cloud.of("b/drifted")[0]
        resource["input"]["config"]["size"] = 99

    def _write(self, address: str, **config: Any) -> None:
        path = self._now.folder / "iac/test" / address / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))


def _settle(folder: Path) -> None:
    """Move what stands in write-ahead logs into the databases, so that there is one file of each."""
    for path in folder.glob(".karma/test/*.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)


# -- damage --------------------------------------------------

Damage = Callable[[Path], str]
"""Damages the project in this folder; says what it did."""


def _places(folder: Path, store: str) -> list[Path]:
    return [folder / ".karma" / name for name in STORES[store]]


def deleted(store: str) -> Damage:
    """Delete the store's files."""

    def damage(folder: Path) -> str:
        for place in _places(folder, store):
            _remove(place)
        return f"{store} deleted"

    return damage


def emptied(store: str) -> Damage:
    """Leave its files without content."""

    def damage(folder: Path) -> str:
        for path in _files(folder, store):
            path.write_bytes(b"")
        return f"{store} emptied"

    return damage


def replaced(store: str, other: Path, what: str) -> Damage:
    """Put another project's store in its place."""

    def damage(folder: Path) -> str:
        for place, source in zip(_places(folder, store), _places(other, store), strict=True):
            _remove(place)
            if source.is_dir():
                shutil.copytree(source, place)
            elif source.exists():
                shutil.copy(source, place)
        return f"{store} replaced by {what}"

    return damage


NEAR = 600
"""Bytes around a component's name among which the half of the changed bytes is: most others are history."""


def flipped(store: str, seed: int, count: int = 1) -> Damage:
    """Change `count` random bytes of its files; every other seed near the name of a component."""

    def damage(folder: Path) -> str:
        rng = random.Random(seed)
        files = [path for path in _files(folder, store) if path.stat().st_size]
        sizes = [path.stat().st_size for path in files]
        said = []
        for _ in range(count):
            path = rng.choices(files, sizes)[0]
            content = bytearray(path.read_bytes())
            at = rng.randrange(len(content))
            named = [m.start() for m in re.finditer(rb"[ab]/(?:user|pending|drifted|base|late)", content)]
            if named and seed % 2:
                at = min(len(content) - 1, max(0, rng.choice(named) + rng.randint(-NEAR // 4, NEAR)))
            content[at] ^= rng.randrange(1, 256)
            path.chmod(0o600)
            path.write_bytes(content)
            said.append(f"{path.name}@{at}")
        return f"{store} flipped, seed {seed}: {', '.join(said[:3])}"

    return damage


def _files(folder: Path, store: str) -> list[Path]:
    found = []
    for place in _places(folder, store):
        found += [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    return found


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


# -- what commands make of it --------------------------------------------------


@dataclass
class Observed:
    """What the commands said and did. `codes` are those of errors and of findings, by command."""

    codes: dict[str, Counter[str]] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)
    graph: Any = None
    actions: dict[str, str] | None = None
    drift: dict[str, str] | None = None
    verified: bool | None = None
    ended: dict[str, str] | None = None
    status: str = ""
    operations: Counter[str] = field(default_factory=Counter)
    destroyed: dict[str, str] | None = None
    destroy_status: str = ""
    destroying: Counter[str] = field(default_factory=Counter)
    left: int = 0
    """Resources of a/user in the cloud after its destroy."""

    def attempt(self, command: str, call: Callable[[], _Answer]) -> _Answer | None:
        """The command's answer; None where it ended in an error, which is noted."""
        try:
            return call()
        except KarmaError as error:
            said = {error.code, *(f["code"] for f in error.facts.get("findings", ()) if isinstance(f, dict))}
            self.codes.setdefault(command, Counter()).update(said)
        except Exception as error:
            self.tracebacks.append(f"{command}: {type(error).__name__}: {error}")
        return None

    def found(self, command: str, findings: Any) -> None:
        """Note the findings of a command's answer, each with the component that it is about."""
        said = [f"{one.code}" for one in findings]
        self.codes.setdefault(command, Counter()).update(said)


def observe(moment: Moment, scratch: Path, damage: Damage | None = None) -> tuple[Observed, str]:
    """What the commands say and do after the damage; the destroy on a copy of its own."""
    seen = Observed()
    there = moment.copied(scratch / "looked-at")
    said = damage(there.folder) if damage else ""
    _look(there, seen)
    _deploy(there, seen)
    there = moment.copied(scratch / "destroyed")
    if damage:
        damage(there.folder)
    _destroy(there, seen)
    return seen, said


def _in(there: Moment, seen: Observed, command: str, call: Callable[[Workspace], _Answer]) -> _Answer | None:
    def opened() -> _Answer:
        with there.opened() as workspace:
            return call(workspace)

    return seen.attempt(command, opened)


def _look(there: Moment, seen: Observed) -> None:
    """The commands that change nothing."""
    stored = _in(there, seen, "graph", lambda w: snapshot(w, None))
    if stored is not None:
        seen.graph = [(n.address, n.status, n.config_version) for n in stored.graph.nodes] + [
            e.key for e in stored.graph.edges
        ]
    fleet = _in(there, seen, "validate", lambda w: check_all_states(w, read_fleet(w)))
    if fleet is not None:
        seen.found("validate", fleet.findings)
    made = _in(there, seen, "plan", lambda w: plan(w, ALL))
    if made is not None:
        seen.actions = {c.address: str(c.action) for c in made.components}
        seen.found("plan", made.findings)
    verification = _in(there, seen, "verify", lambda w: w.log.verify())  # type: ignore[attr-defined]
    if verification is not None:
        seen.verified = verification.verified
    checked = _in(there, seen, "drift", check_drift)
    if checked is not None:
        seen.drift = {c.address: str(c.status) for c in checked.components}


def _deploy(there: Moment, seen: Observed) -> None:
    result = _in(there, seen, "deploy", lambda w: deploy(w, ALL, ThreadExecutor))
    if result is not None:
        seen.status = str(result.status)
        seen.ended = {c.address: str(c.status) for c in result.components}
    seen.operations = _counted(there.cloud)


def _destroy(there: Moment, seen: Observed) -> None:
    result = _in(there, seen, "destroy", lambda w: destroy(w, USER, ThreadExecutor))
    if result is not None:
        seen.destroy_status = str(result.status)
        seen.destroyed = {c.address: str(c.status) for c in result.components}
    seen.destroying = _counted(there.cloud)
    seen.left = len(there.cloud.of("a/user"))


def _counted(cloud: Cloud) -> Counter[str]:
    return Counter(
        f"{one.kind} {one.address} {json.dumps(one.config, sort_keys=True)}" for one in cloud.operations
    )


# -- the oracle --------------------------------------------------

UNCHECKED = {"failed", "skipped", "state-lost", "state-older", "state-altered"}
HELD = {"blocked", "failed", "stopped", "not-run"}


def harms(seen: Observed, true: Observed) -> list[str]:
    """What was done or said that must not be, a sentence each."""
    return [
        *seen.tracebacks,
        *_untrue_plan(seen, true),
        *_wrong_deploy(seen, true),
        *_wrong_destroy(seen, true),
        *_untrue_drift(seen, true),
        *_untrue_graph(seen, true),
    ]


def _new_codes(seen: Observed, true: Observed, command: str) -> Counter[str]:
    return seen.codes.get(command, Counter()) - true.codes.get(command, Counter())


def _untrue_plan(seen: Observed, true: Observed) -> Iterator[str]:
    if seen.actions is None or seen.actions == true.actions:
        return
    assert true.actions is not None
    differing = {
        a: (seen.actions.get(a, "not mentioned"), true.actions.get(a, "not mentioned"))
        for a in sorted({*seen.actions, *true.actions})
        if seen.actions.get(a) != true.actions.get(a) and seen.actions.get(a) != "blocked"
    }
    if differing and not _new_codes(seen, true, "plan"):
        yield f"plan says {differing}"


def _wrong_deploy(seen: Observed, true: Observed) -> Iterator[str]:
    more = seen.operations - true.operations
    if more:
        yield f"deploy did {sorted(more)}"
    missing = true.operations - seen.operations
    if (seen.drift or {}).get("b/drifted") != "drifted":  # nobody has seen that it drifted
        missing = Counter({one: n for one, n in missing.items() if "b/drifted" not in one})
    if seen.status == "succeeded" and missing:
        yield f"deploy succeeded without {sorted(missing)}"
    if seen.ended is None or true.ended is None:
        return
    for address, status in true.ended.items():
        now = seen.ended.get(address, "not mentioned")
        if now not in {status, *HELD} and seen.status == "succeeded" and now == "not mentioned":
            yield f"deploy does not mention {address}"


def _wrong_destroy(seen: Observed, true: Observed) -> Iterator[str]:
    more = seen.destroying - true.destroying
    if more:
        yield f"destroy did {sorted(more)}"
    if seen.destroy_status == "succeeded" and seen.left:
        yield "destroy succeeded, and the component is still there"
    if seen.destroyed and seen.destroyed.get("a/user") == "destroyed" and seen.left:
        yield "a/user is called destroyed, and is still there"
    if "not-found" in seen.codes.get("destroy", ()):
        yield "destroy says that a/user is not deployed"


def _untrue_drift(seen: Observed, true: Observed) -> Iterator[str]:
    if seen.drift is None:
        return
    assert true.drift is not None
    for address, status in true.drift.items():
        now = seen.drift.get(address, "not mentioned")
        if now != status and now not in UNCHECKED:
            yield f"drift says {now} of {address}, which is {status}"


def _untrue_graph(seen: Observed, true: Observed) -> Iterator[str]:
    if seen.graph is not None and seen.graph != true.graph:
        yield "graph show shows what is not so"
