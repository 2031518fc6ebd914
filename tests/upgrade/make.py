"""Make the fixture of a version: `python -m tests.upgrade.make SOURCE NAME`, see README.md beside this.

SOURCE is a folder with the source of the Karma that shall have deployed the project (`git archive`), NAME the
fixture's folder beside this file. The project is made twice: on the embedded stores, and on AWS's interfaces.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.upgrade import account, files
from tests.upgrade.account import REGION
from tests.upgrade.life import Cli, live, sketch

HERE = Path(__file__).parent
IN_AWS = """
parameters = "ssm"
state = "dynamodb"
artifacts = "s3"
terraform_state = "s3"
aws = {{state_table = "karma-state", log_table = "karma-log", bucket = "karma", tfstate_prefix = "{env}"}}
"""
LOG = '\n[log]\nsinks = ["dynamodb", "s3", "file"]\nrequired = "dynamodb"\n'


def main(source: Path, target: Path) -> None:
    """Make both, and see that nothing of this machine is in them."""
    with tempfile.TemporaryDirectory() as scratch:
        for kind, make in (("embedded", _embedded), ("aws", _aws)):
            make(source, Path(scratch) / kind, target / kind)
        _check(target, [scratch, str(source), sys.prefix, f"{Path.home()}/", socket.gethostname()])


def _embedded(source: Path, project: Path, target: Path) -> None:
    shutil.copytree(HERE / "project", project)
    karma = Cli(source, project)
    tokens = live(karma)
    sketch(karma)
    _write(project, target, tokens)


def _aws(source: Path, project: Path, target: Path) -> None:
    shutil.copytree(HERE / "project", project)
    settings = project / "karma.toml"
    settings.write_text(in_aws(settings.read_text()))
    with _account() as url:
        karma = Cli(source, project, account.variables(url))
        karma.run("prod", "aws", "create", "--auto-approve")
        tokens = live(karma)
        _write(project, target, tokens)
        held = account.dump(url)
    (target / "account.json").write_text(json.dumps(held, indent=1) + "\n")


def in_aws(settings: str) -> str:
    """The settings with the stores in AWS. Where it is, a variable says: a fixture has no address."""
    for env in ("prod", "worn"):
        head = f"[environments.{env}]\n"
        settings = settings.replace(head, head + IN_AWS.format(env=env).lstrip())
    return settings.replace('"eu-west-1"', f'"{REGION}"') + LOG


@contextmanager
def _account() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def _write(project: Path, target: Path, tokens: dict[str, str]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    files.dump(project, target)
    (target / "tokens.json").write_text(json.dumps(tokens, indent=1) + "\n")


def _check(target: Path, traces: list[str]) -> None:
    """Refuse what holds one of the traces as a word of its own; base64 holds no words."""
    for path in sorted(target.rglob("*.*")):
        words = re.sub(r'"base64": "[^"]*"', "", path.read_text())
        leaked = [trace for trace in traces if re.search(rf"(?<!\w){re.escape(trace)}(?!\w)", words)]
        if leaked:
            raise RuntimeError(f"{path} holds {leaked}: the fixture would be one machine's")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), HERE / sys.argv[2])
