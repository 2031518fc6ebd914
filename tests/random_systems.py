"""Random environments in memory, for tests that hold what happens against what was planned.

A seed gives the same system every time: 3 to 8 components, deployed as far as asked, then edited, with
faults of every kind here and there.
"""

from __future__ import annotations

import random
from typing import Any, Final

from karma_core.errors import DeployFailed, PlanDeferred
from karma_core.records import TerraformJob, TerraformPlan
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.runs.records import Order
from karma_core.use_cases.selection.record import Selection
from tests.change_system import ChangeSystem
from tests.memory.terraform import MemoryTerraform

DEPLOYED: Final = ("nothing", "some", "everything")
WAYS: Final = ("target", "with-producers", "everything", "changed")
RELOAD: Final = {"propagation": "reload", "reload": {"command": ["true"]}}


class FaultyTerraform(MemoryTerraform):
    """Cannot plan some components with unknown inputs, and some where they read a size above a limit."""

    def __init__(self) -> None:
        super().__init__()
        self.defers: set[str] = set()
        self.limits: dict[str, int] = {}

    def plan(self, job: TerraformJob) -> TerraformPlan:
        """As the module would, with its own validations."""
        if job.unknown and job.address in self.defers:
            raise PlanDeferred(f"{job.address} cannot be planned yet", why="its inputs are unknown")
        limit = self.limits.get(job.address)
        read = [values.get("size") for values in job.variables.get("dependencies", {}).values()]
        if limit is not None and any(isinstance(size, int) and size > limit for size in read):
            raise DeployFailed(f"terraform plan of {job.address} failed", why=f"size is above {limit}")
        return super().plan(job)


class RandomSystem(ChangeSystem):
    """The system of a seed; `names` are its configs as `configure` takes them."""

    def __init__(self, seed: int, deployed: str) -> None:
        rng = random.Random(f"{seed} {deployed}")
        super().__init__({t: _definition(rng) for t in "abcde"})
        self.faults = self.terraform = FaultyTerraform()
        self.seed = seed
        self.configs = _configs(rng)
        self._deploy(rng, deployed)
        self._edit(rng)
        self._fail(rng)
        self.forget()

    def _deploy(self, rng: random.Random, deployed: str) -> None:
        self.configure(**self.configs)
        if deployed == "everything":
            self.deploy()
        elif deployed == "some":
            target = _address(rng.choice(sorted(self.configs)))
            self.deploy(Selection(targets=(target,), with_producers=rng.random() < 0.7))

    def _edit(self, rng: random.Random) -> None:
        for name in sorted(self.configs):
            if rng.random() < 0.25:
                self.configs[name][rng.choice(("size", "note", "replace_on"))] = rng.randrange(9)
            if rng.random() < 0.15:
                self.configs[name].pop(rng.choice(("size", "note")))
        if rng.random() < 0.2:
            self.configs[rng.choice(sorted(self.configs))]["a_nickname"] = "gone"
        if rng.random() < 0.15:
            self.configs["f_bare"] = {"size": 1}
        self.configure(**self.configs)

    def _fail(self, rng: random.Random) -> None:
        """A plan, an apply or a reload that fails, one that must be deferred, a value that is refused."""
        names = sorted(self.configs)
        for command in ("plan", "apply"):
            if rng.random() < 0.3:
                self.terraform.failures[_address(rng.choice(names))] = command
        self.reloader.failing |= {_address(name) for name in names if rng.random() < 0.3}
        self.faults.defers |= {_address(name) for name in names if rng.random() < 0.3}
        self.faults.limits |= {_address(name): 4 for name in names if rng.random() < 0.2}

    def forget(self) -> None:
        """What Terraform was told and what was said so far."""
        self.terraform.calls.clear()
        self.said.clear()

    def move_on(self) -> str:
        """What may happen between a plan and its deploy: a config is edited, a resource is changed.

        The address to which it happened; empty where nothing did.
        """
        rng = random.Random(f"{self.seed} moves on")
        name = rng.choice(sorted(self.configs))
        happens = rng.choice(("nothing", "nothing", "edited", "changed", "deleted"))
        if happens == "edited":
            self.configs[name]["replace_on"] = rng.randrange(10, 20)
            self.configure(**{name: self.configs[name]})
        elif happens != "nothing" and self.terraform.has_state(_address(name)):
            self.terraform.outside[_address(name)] = None if happens == "deleted" else {"size": 77}
        else:
            return ""
        return _address(name)

    def selection(self, way: str) -> Selection:
        """What is asked for; the target is the seed's."""
        if way in {"changed", "everything"}:
            return Selection(changed=way == "changed", everything=way == "everything")
        fleet = read_fleet(self.workspace)
        addresses = sorted(address for address in fleet.graph if fleet[address].config is not None)
        target = random.Random(f"{self.seed} target").choice(addresses)
        return Selection(targets=(target,), with_producers=way == "with-producers")

    def order(self, way: str, plan_id: str | None = None) -> Order:
        """A deploy of it; every third seed goes on although something would break."""
        selection = self.selection(way)
        return Order(kind="deploy", selection=selection, plan_id=plan_id, allow_blocked=self.seed % 3 == 0)

    def applied_here(self) -> set[str]:
        """What Terraform was told to apply since `forget`."""
        return {address for command, address in self.terraform.calls if command == "apply"}


def _definition(rng: random.Random) -> dict[str, Any]:
    spread = rng.choice(({}, RELOAD, RELOAD, {"propagation": "none"}))
    consumes = {t: rng.choice((["size"], ["note"], ["size", "note"], ["id"])) for t in "abcde"}
    return {**spread, "consumes": {t: keys for t, keys in consumes.items() if rng.random() < 0.7}}


def _configs(rng: random.Random) -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = {}
    for number in range(rng.randint(3, 8)):
        config: dict[str, Any] = {"size": 1, "note": 1, "replace_on": 1}
        for producer in rng.sample(sorted(configs), min(len(configs), rng.randint(0, 2))):
            producer_type, _, nickname = producer.partition("_")
            config[f"{producer_type}_nickname"] = nickname
        configs[f"{rng.choice('abcde')}_n{number}"] = config
    return configs


def _address(name: str) -> str:
    return name.replace("_", "/")
