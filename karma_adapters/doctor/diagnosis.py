"""The checks of `karma doctor`: tools, settings, folders, AWS, stores. Each says what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from karma_adapters.aws.examination import CREDENTIALS
from karma_adapters.aws.iam_policy import policy
from karma_adapters.aws.places import sinks
from karma_adapters.doctor.check import Check, failed, passed, warned
from karma_adapters.gremlin.readers import ReadersFirst
from karma_adapters.processes.children import Processes
from karma_adapters.processes.environment import allowed, fetching, missing_cli_config
from karma_adapters.terraform import providers
from karma_adapters.terraform.engines import Engines
from karma_adapters.terraform.requirements import requirements
from karma_adapters.wiring.bootstrap import open_engines, open_examination, open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_core import ids
from karma_core.deadlines import ends_within
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import KarmaError, LogTampered, NotFound
from karma_core.plan.unseen import MAYBE_CREATED, maybe_created
from karma_core.ports import Modules
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.fleet import creations, heights
from karma_core.use_cases.fleet.binding import bound_to, check_binding
from karma_core.use_cases.fleet.config_secrets import definition_now
from karma_core.use_cases.fleet.states import state_errors
from karma_core.use_cases.graph.last_build import require_last_build
from karma_core.workspace import Workspace

GRAPH_SECONDS: Final = 5.0
"""How long the graph store is waited for. Ours: one that is well answers in milliseconds."""


def examine(root: Path, environment: str | None) -> tuple[Check, ...]:
    """All checks, in the order in which they build on each other; later ones only if earlier ones allow."""
    checks = [_python(), _git()]
    name = "settings"
    try:
        settings = read_settings(root)
        checks += [passed(name, str(root)), *_folders(settings)]
        engines = _engines(settings, environment)
        checks += [_terraform(engines), _prefect(settings)]
        name = "environment"
        workspace = open_workspace(settings, environment)
    except KarmaError as error:
        return (*checks, failed(name, error))
    checks += [passed(name, workspace.name), *_of_types(workspace)]
    checks += _providers(settings, engines, workspace)
    aws_checks = tuple(_aws(settings, workspace))
    if any((check.name, check.status) == (CREDENTIALS, "failed") for check in aws_checks):
        return (*checks, *aws_checks)  # every store would wait for an answer that cannot come
    return (*checks, *aws_checks, *_stores(settings, workspace), *_applies(workspace))


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


def _engines(settings: Settings, environment: str | None) -> Engines:
    """The engines of the environment; of the project alone where it is not clear which one is meant."""
    try:
        name = settings.choose_environment(environment).name
    except KarmaError:
        name = ""
    environ = allowed(os.environ, settings.terraform.pass_environment)
    return open_engines(settings, name, Processes(), environ)


def _terraform(engines: Engines) -> Check:
    """The program that the environment runs, by the constraints of environment and project."""
    try:
        engines.require("", ANY)
        return passed("terraform", " ".join(engines.binary().words))
    except KarmaError as error:
        return failed("terraform", error)


def _of_types(workspace: Workspace) -> Iterator[Check]:
    """One check for each type that chooses its engine itself."""
    for component_type in workspace.modules.types():
        choice = definition_now(workspace, component_type).terraform
        if choice == ANY:
            continue
        name = f"terraform of {component_type}"
        error = workspace.engine_error(component_type, choice)
        yield failed(name, error) if error else passed(name, workspace.terraform_version(choice))


def _prefect(settings: Settings) -> Check:
    if settings.project.orchestrator == "direct":
        return passed("orchestrator", "direct")
    api = os.environ.get("PREFECT_API_URL")
    return passed("orchestrator", f"prefect at {api}" if api else "prefect, a server of its own for each run")


def _providers(settings: Settings, engines: Engines, workspace: Workspace) -> Iterator[Check]:
    """One check for each set of providers and sources that types require; none where all are built in."""

    def choice_of(component_type: str) -> EngineChoice:
        return definition_now(workspace, component_type).terraform

    wanted = requirements(workspace.modules, lambda name: engines.engine(choice_of(name)))
    if not wanted:
        return
    missing = missing_cli_config(os.environ)
    if missing:
        said = f"TF_CLI_CONFIG_FILE names {missing}, which is not there, and is left out"
        yield warned("providers", said, "correct or unset the variable")
    environment = allowed(os.environ, settings.terraform.pass_environment)
    for requirement, types in wanted.items():
        try:
            program = engines.binary(choice_of(types[0]))
            archived = _archived(workspace.modules, types[0])
            yield providers.check(
                program, requirement, archived, Processes(), environment, fetching(os.environ)
            )
        except KarmaError as error:
            yield failed("providers", error)


def _archived(modules: Modules, component_type: str) -> Path:
    """The path of a copy of the type's module; NotFound where it has gone meanwhile."""
    module = modules.module(component_type)
    archived = modules.archived(modules.archive(module), component_type) if module else None
    if archived is None:
        raise NotFound(f"the module of {component_type} is gone", next_step="run the command again")
    return Path(archived.path).absolute()


def _aws(settings: Settings, workspace: Workspace) -> Iterator[Check]:
    """Yield checks of the environment's AWS resources; none if it has no store in AWS."""
    section = settings.section(workspace.name)
    in_aws = (section.parameters, section.state, section.artifacts, section.terraform_state)
    if not {"ssm", "dynamodb", "s3"} & {*in_aws, *sinks(settings, workspace.name)}:
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


def _applies(workspace: Workspace) -> Iterator[Check]:
    """One check for each component with resources that a killed apply may have created."""
    try:
        here = {a: workspace.terraform.maybe_created(a) for a in workspace.terraform.unsettled()}
        doubts = {**creations.in_doubt(workspace), **here}
    except KarmaError as unread:
        yield failed(MAYBE_CREATED, unread)
        return
    for address, resources in doubts.items():
        error = maybe_created(address, resources)
        yield warned(MAYBE_CREATED, f"{error.what}. {error.why}", error.next_step)


def _heights(workspace: Workspace) -> Iterator[Check]:
    """Whether the state store and the parameters are as far as each has seen the other."""
    try:
        behind = list(heights.findings(workspace))
    except KarmaError as error:
        yield failed("stores", error)
        return
    for finding in behind:
        yield Check(name="stores", status="failed", found=f"{finding.code}: {finding.message}")
    if not behind:
        yield passed("stores", "each is as far as the other has seen it")


def _states(workspace: Workspace) -> Iterator[Check]:
    """Whether the Terraform state of every deployed component is the one that was applied: a read of each."""
    try:
        records = workspace.state.all_applied()
        errors = state_errors(workspace, records.values())
    except KarmaError as error:
        yield failed("terraform states", error)
        return
    for address in sorted(errors):
        yield failed("terraform states", errors[address])
    if not errors:
        yield passed("terraform states", f"those of {len(records)} components are as they were applied")


def _binding(workspace: Workspace) -> Check:
    """Which environment the prefix is bound to; failed where it is another one."""
    parameter = ids.binding_parameter(workspace.prefix)
    try:
        check_binding(workspace)
        bound = bound_to(workspace)
    except KarmaError as error:
        return failed("binding", error)
    if bound is None:
        return passed("binding", f"{parameter} is not there yet: the first publish writes it")
    return passed("binding", f"{parameter} is the environment {bound}")


def _require_undoubted(workspace: Workspace) -> None:
    """LogTampered where the log does not agree with its head."""
    doubt = workspace.log.doubt()
    if doubt:
        raise LogTampered(
            "the log does not agree with its head in the state store",
            why=doubt,
            next_step="restore it from a backup; or `karma doctor --accept store:log` brings it back from a "
            "copy, or takes it as it is",
        )


def _require_graph(workspace: Workspace) -> None:
    """The graph store answers soon, with the build that was made last."""
    with ends_within(GRAPH_SECONDS):
        require_last_build(workspace, workspace.graph.current(workspace.name))


def _readers(workspace: Workspace) -> Iterator[Check]:
    """Whether the replicas that graphs are read from answer, and how far they are; none without replicas."""
    if not isinstance(workspace.graph, ReadersFirst):
        return
    try:
        with ends_within(GRAPH_SECONDS):
            behind = workspace.graph.builds_behind(workspace.name)
    except KarmaError as error:
        yield failed("graph replicas", error)
        return
    if behind:
        step = "wait a moment; if it stays so, look at ClusterReplicaLag. The writer is read meanwhile"
        yield warned("graph replicas", f"{behind} builds behind the writer", step)
    else:
        yield passed("graph replicas", "as far as the writer")


def _stores(settings: Settings, workspace: Workspace) -> Iterator[Check]:
    """Read from each store once."""
    url = settings.section(workspace.name).gremlin_url
    places = {"graph": f"answers at {url}"} if settings.section(workspace.name).graph == "gremlin" else {}
    probes: tuple[tuple[str, Callable[[], object]], ...] = (
        ("parameters", workspace.parameters.revision),
        ("state", workspace.state.chain_head),
        ("graph", lambda: _require_graph(workspace)),
        ("log", lambda: _require_undoubted(workspace)),
        ("terraform version", workspace.terraform.version),
    )
    yield _binding(workspace)
    yield from _policy(workspace)
    yield from _heights(workspace)
    yield from _states(workspace)
    for name, probe in probes:
        try:
            reply = probe()
        except KarmaError as error:
            yield failed(name, error)
        else:
            version = reply if isinstance(reply, str) and name == "terraform version" else ""
            yield passed(name, version or places.get(name, "answers"))
    yield from _readers(workspace)
