"""The same job with the graph in SQLite and on a Gremlin Server: every command prints the same bytes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karma_adapters.sqlite.state import SqliteState
from karma_cli.main import app
from karma_core.use_cases.fleet.outdated_secrets import HMAC_KEY
from tests.e2e.command_line import SHOP, edit_config
from tests.e2e.test_sample_repository import REPOSITORY, SETTINGS
from tests.integration import gremlin_server

SOAK = os.environ.get("KARMA_SOAK") == "1"
pytestmark = pytest.mark.xdist_group("gremlin")
ENVIRONMENT = "prod"
SECTION = f"KARMA_ENVIRONMENTS__{ENVIRONMENT.upper()}__"
READS = [
    "graph show",
    "graph show --at 1",
    "graph diff --from 1 --to 2",
    "graph diff",
    "graph history",
    "graph validate",
]
ASKED = [
    "g.V().hasLabel('Component').groupCount().by('type')",
    "g.E().hasLabel('depends_on').project('from', 'to').by(outV().id()).by(inV().id())",
    "g.V().hasLabel('Component').order().by(id()).elementMap()",
]
PASSING = re.compile(
    r"[0-7][0-9A-HJKMNP-TV-Z]{25}"  # a ULID
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r'|(?<="seconds": )[\d.]+'
)
"""What differs between two runs of one job: ids, times and durations."""
DEPLOYED = re.compile(PASSING.pattern + r"|(?:sha256|fp1):[0-9a-f]{64}|(?<=/\d{8}-)[0-9a-f]{16}")
"""… and, once Terraform has made up ids, the digests of what it says, also in the names of snapshots."""


@dataclass(frozen=True)
class Side:
    """A project and the variables that choose where its graph is."""

    project: Path
    variables: dict[str, str]

    def run(self, words: list[str], passing: re.Pattern[str]) -> str:
        """What a command prints with --json, without what differs from run to run."""
        ran = CliRunner().invoke(
            app,
            [*words, "--json", "--project", str(self.project)],
            env=self.variables,
            catch_exceptions=False,
        )
        assert ran.exit_code == 0, ran.output
        return passing.sub("-", ran.stdout.replace(str(self.project), "PROJECT"))


@dataclass(frozen=True)
class Both:
    """The same project twice."""

    sqlite: Side
    gremlin: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """One after the other."""
        return self.sqlite, self.gremlin

    def start(self, source: Path) -> None:
        """Fill both folders with a project, and with one key under which fingerprints are made."""
        hidden = shutil.ignore_patterns(".*")
        shutil.copytree(source, self.sqlite.project, ignore=hidden, copy_function=shutil.copyfile)
        state = SqliteState(self.sqlite.project / ".karma" / ENVIRONMENT / "state.sqlite")
        state.secret(HMAC_KEY)
        state.close()
        shutil.copytree(self.sqlite.project, self.gremlin.project)

    def keep(self, types: set[str]) -> None:
        """Remove the configs of other types."""
        for side in self.sides:
            for folder in (side.project / "iac" / ENVIRONMENT).iterdir():
                if folder.name not in types:
                    shutil.rmtree(folder)

    def say(self, command: str, *more: str, passing: re.Pattern[str] = PASSING) -> None:
        """Run a command on both sides; both print the same."""
        words = [*command.split(), *more]
        assert self.sqlite.run(words, passing) == self.gremlin.run(words, passing), words

    def edit(self, address: str, **changes: object) -> None:
        """Change a config, publish and build."""
        for side in self.sides:
            edit_config(side.project, ENVIRONMENT, address, **changes)
        self.say("config publish")
        self.say("graph build")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    """Two empty folders; one will have its graph in SQLite, the other on the server."""
    url = gremlin_server.required().url
    gremlin_server.empty()
    plain = {"KARMA_PROJECT__ORCHESTRATOR": "direct", "KARMA_ENV": ENVIRONMENT, "KARMA_USER": "tester"}
    served = {SECTION + "GRAPH": "gremlin", SECTION + "GREMLIN_URL": url}
    sides = Both(Side(tmp_path / "sqlite", plain), Side(tmp_path / "gremlin", plain | served))
    yield sides
    stores = [
        side.project / ".karma" / ENVIRONMENT / "graph.sqlite" for side in (sides.sqlite, sides.gremlin)
    ]
    assert [store.exists() for store in stores] == [True, False]


def test_the_shop(both: Both) -> None:
    """Publish, build, change and every read of the example."""
    both.start(SHOP)
    both.say("config publish")
    both.say("graph build")
    both.say("graph build")
    both.edit("vpc/core", cidr_block="10.9.0.0/16")
    for read in [*READS, "graph impact vpc core", "graph query downstream vpc/core"]:
        both.say(read)


@pytest.mark.soak
def test_the_shop_deployed(both: Both) -> None:
    """A deploy of the example (reduced: of its network) and what the graph says then."""
    both.start(SHOP)
    if not SOAK:
        both.keep({"vpc", "security-group"})
    both.say("config publish")
    both.say("graph build")
    both.say("plan --all")
    both.say("deploy --all --auto-approve")
    for read in READS:
        both.say(read, passing=DEPLOYED)
    for text in ASKED:
        both.say("graph query --gremlin", text, passing=DEPLOYED)


def test_a_real_repository(both: Both) -> None:
    """Configs of a real repository, published, built, changed and read."""
    both.start(REPOSITORY)
    for side in both.sides:
        (side.project / "karma.toml").write_text(SETTINGS)
    both.say("config publish")
    both.say("graph build")
    both.edit("serverless-site/example-net", changed=True)
    for read in READS:
        both.say(read)
    for text in ASKED:
        both.say("graph query --gremlin", text)


def test_a_copied_graph(both: Both) -> None:
    """Copied to the server, a graph is read there as it was, and copied back it needs no write."""
    both.start(REPOSITORY)
    here, there = both.sqlite, Side(both.sqlite.project, both.gremlin.variables)
    reached = Side(
        here.project, {name: text for name, text in there.variables.items() if "GRAPH" not in name}
    )
    for words in (["config", "publish"], ["graph", "build"]):
        here.run(words, PASSING)
    copied = reached.run(["graph", "copy", "--to", "gremlin"], PASSING)
    assert '"build_id": 1' in copied
    for read in ("graph show", "graph show --at 1", "graph history"):
        assert here.run(read.split(), PASSING) == there.run(read.split(), PASSING)
    assert there.run(["graph", "build"], PASSING) == here.run(["graph", "build"], PASSING)
    back = there.run(["graph", "copy", "--to", "sqlite"], PASSING)
    assert back == copied.replace("gremlin", "sqlite")
