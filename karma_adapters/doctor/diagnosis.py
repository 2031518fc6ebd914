"""The checks of `karma doctor`: tools, settings, folders, AWS, stores. Each says what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from karma_adapters.aws.examination import CREDENTIALS
from karma_adapters.aws.iam_policy import policy
from karma_adapters.aws.places import sinks
from karma_adapters.doctor.check import Check, failed, passed, warned
from karma_adapters.processes.children import Processes
from karma_adapters.processes.environment import allowed
from karma_adapters.terraform import providers
from karma_adapters.terraform.binary import find
from karma_adapters.wiring.bootstrap import open_examination, open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_core.errors import KarmaError
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.workspace import Workspace


def examine(root: Path, environment: str | None) -> tuple[Check, ...]:
    """All checks, in the order in which they build on each other; later ones only if earlier ones allow."""
    checks = [_python(), _git()]
    name = "settings"
    try:
        settings = read_settings(root)
        checks += [passed(name, str(root)), *_folders(settings), _terraform(settings), _prefect(settings)]
        name = "environment"
        workspace = open_workspace(settings, environment)
    except KarmaError as error:
        return (*checks, failed(name, error))
    checks += [passed(name, workspace.name), *_providers(settings)]
    aws_checks = tuple(_aws(settings, workspace))
    if any((check.name, check.status) == (CREDENTIALS, "failed") for check in aws_checks):
        return (*checks, *aws_checks)  # every store would wait for an answer that cannot come
    return (*checks, *aws_checks, *_stores(settings, workspace))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return passed("python", version)


def _git() -> Check:
    path = shutil.which("git")
    if path is None:
        step = "install git: without it configs have no commit, and --changed cannot work"
        return warned("git", "not on PATH", step)
    return passed("git", path)


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (("configs", settings.config_dir), ("modules", settings.components_dir)):
        if folder.is_dir():
            yield passed(name, str(folder))
        else:
            yield warned(name, f"{folder} does not exist", "create it, or `karma init`")


def _terraform(settings: Settings) -> Check:
    try:
        program = find(settings.terraform.binary)
    except KarmaError as error:
        return failed("terraform", error)
    return passed("terraform", " ".join(program.words))


def _prefect(settings: Settings) -> Check:
    if settings.project.orchestrator == "direct":
        return passed("orchestrator", "direct")
    api = os.environ.get("PREFECT_API_URL")
    return passed("orchestrator", f"prefect at {api}" if api else "prefect, a server of its own for each run")


def _providers(settings: Settings) -> Iterator[Check]:
    """One check for each set of providers that types require; none where all are built in."""
    wanted = providers.requirements(settings.components_dir)
    if not wanted:
        return
    environment = allowed(os.environ, settings.terraform.pass_environment)
    for requirement in wanted:
        try:
            program = find(settings.terraform.binary)
            yield providers.check(program, requirement, Processes(), environment)
        except KarmaError as error:
            yield failed("providers", error)


def _aws(settings: Settings, workspace: Workspace) -> Iterator[Check]:
    """Yield checks of the environment's AWS resources; none if it has no store in AWS."""
    section = settings.section(workspace.name)
    in_aws = (section.parameters, section.state, section.artifacts, section.terraform_state)
    if not {"ssm", "dynamodb", "s3"} & {*in_aws, *sinks(settings)}:
        return
    prefix = workspace.prefix if section.parameters == "ssm" else ""
    yield from open_examination(settings, workspace.name).checks(prefix, policy(settings, workspace.name))


def _policy(workspace: Workspace) -> Iterator[Check]:
    """Check that the published policy can be read, and whether the checkout is laxer."""
    try:
        differing = list(policy_differs(workspace))
    except KarmaError as error:
        yield failed("policy", error)
        return
    if differing:
        step = "bring the checkout up to date, or publish it: `karma policy publish`"
        yield warned("policy", differing[0].message, step)
    else:
        yield passed("policy", "the checkout is not laxer than what is published")


def _stores(settings: Settings, workspace: Workspace) -> Iterator[Check]:
    """Read from each store once."""
    url = settings.section(workspace.name).gremlin_url
    places = {"graph": f"answers at {url}"} if settings.section(workspace.name).graph == "gremlin" else {}
    probes: tuple[tuple[str, Callable[[], object]], ...] = (
        ("parameters", workspace.parameters.revision),
        ("binding", lambda: check_binding(workspace)),
        ("state", workspace.state.chain_head),
        ("graph", lambda: workspace.graph.current(workspace.name)),
        ("log", lambda: list(workspace.log.events(limit=1))),
        ("terraform version", workspace.terraform.version),
    )
    yield from _policy(workspace)
    for name, probe in probes:
        try:
            reply = probe()
        except KarmaError as error:
            yield failed(name, error)
        else:
            version = reply if isinstance(reply, str) and name == "terraform version" else ""
            yield passed(name, version or places.get(name, "answers"))
