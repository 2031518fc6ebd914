"""One deployed shop, and copies of it for tests that change it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import SHOP, Karma
from tests.e2e.ledger import Ledger


def git(project: Path, *words: str) -> str:
    """Run git in a project and return what it prints."""
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: Path, message: str = "Change") -> str:
    """Commit everything; the commit."""
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", message)
    return git(project, "rev-parse", "HEAD")


@dataclass(frozen=True)
class Shop:
    """A shop in a Git repository, the command in it, and the ledger of its Terraform."""

    project: Path
    karma: Karma
    ledger: Ledger

    def publish_and_build(self) -> None:
        """Bring the edited configs into the parameter store and the graph."""
        self.karma.json("config", "publish")
        self.karma.json("graph", "build")

    def deploy(self, *words: str, code: int = 0) -> Any:
        """Deploy without being asked; the document."""
        return self.karma.json("deploy", *(words or ("--all",)), "--auto-approve", code=code)


@pytest.fixture(scope="session")
def deployed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop that was deployed once for all workers of a run. To be copied."""
    ours = tmp_path_factory.getbasetemp()
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "deployed-shop"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "document.json").exists():
            document = _deploy_shop(folder)
            (folder / "document.json").write_text(json.dumps(document))
    return folder


def _deploy_shop(folder: Path) -> Any:
    """Make the shop there, commit, publish, build and deploy it; the document of the deploy."""
    ledger = Ledger(folder / "bin")
    project = folder / "shop"
    shutil.copytree(SHOP, project, ignore=shutil.ignore_patterns(".karma"))
    git(project, "init", "-q", "-b", "main")
    commit(project, "The shop")
    shop = Shop(project, Karma(project).under(**ledger.variables), ledger)
    shop.publish_and_build()
    return shop.deploy()


@pytest.fixture(scope="session")
def first_shop(deployed_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Any]:
    """A copy of the deployed shop for this worker, and the document of its deploy. Not to be changed."""
    folder = tmp_path_factory.mktemp("shop")
    return _copied(deployed_shop, folder), json.loads((deployed_shop / "document.json").read_text())


def _copied(deployed_shop: Path, folder: Path) -> Shop:
    """A copy of the deployed shop, with a ledger of its own."""
    project = folder / "shop"
    shutil.copytree(deployed_shop / "shop", project, symlinks=True)
    ledger = Ledger(folder / "bin")
    return Shop(project, Karma(project).under(**ledger.variables), ledger)


@pytest.fixture
def shop(deployed_shop: Path, tmp_path: Path) -> Shop:
    """One test's own copy of the deployed shop."""
    return _copied(deployed_shop, tmp_path)
