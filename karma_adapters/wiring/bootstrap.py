"""Builds a workspace from settings, for every process that has a project's folder."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ulid import ULID

from karma_adapters.aws.caller_identity import CallerIdentity, caller_access
from karma_adapters.aws.creation import Creation
from karma_adapters.aws.examination import Examination
from karma_adapters.aws.places import Place, places
from karma_adapters.aws.wiring import AwsStores
from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.local import failpoints
from karma_adapters.local.publish_index import FilePublishIndex
from karma_adapters.modules.directory import Chosen, ModuleDirectory
from karma_adapters.prefect.credentials import Credentials
from karma_adapters.processes.children import Processes
from karma_adapters.processes.environment import allowed, fetching
from karma_adapters.reloads.reloader import Reloads
from karma_adapters.terraform.backend import Backend, LocalBackend
from karma_adapters.terraform.engines import Engines, Wish
from karma_adapters.terraform.runner import TerraformRunner
from karma_adapters.terraform.runner_options import APPLIES, Directories, Seconds
from karma_adapters.terraform.s3_backend import S3Backend, StatePlace
from karma_adapters.wiring.issuers import open_issuers
from karma_adapters.wiring.settings import AwsSettings, Settings
from karma_adapters.wiring.stores import Stores, say_nothing, utc_now
from karma_core import ports
from karma_core.engines import EngineChoice
from karma_core.errors import SettingsError
from karma_core.graph.gremlin_answer import LIMIT, SECONDS, GremlinAnswer
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.masking.names import credential_names
from karma_core.ports import Modules, Say
from karma_core.use_cases.access import identity
from karma_core.workspace import Actor, Workspace

if TYPE_CHECKING:
    from karma_adapters.prefect.runs import PrefectRuns


class Gremlin(Protocol):
    """Answers Gremlin text about the current graph of an environment."""

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used, StoreUnavailable where time runs out."""
        ...


def open_workspace(
    settings: Settings,
    environment: str | None,
    *,
    source: str = "cli",
    user: str | None = None,
    flow_run: str | None = None,
    say: Say = say_nothing,
    stores: Stores | None = None,
) -> Workspace:
    """One environment of a project, wired. Stores are opened, nothing is written and nothing started.

    `stores` are the environment's, where they are opened already.
    """
    failpoints.install(os.environ)
    chosen = settings.choose_environment(environment)
    stores = stores or open_stores(settings, chosen.name, say=say)
    aws = stores.aws
    processes = Processes()
    environ = allowed(os.environ, settings.terraform.pass_environment)
    engines = open_engines(settings, chosen.name, processes, environ)
    engines.binary()  # what the environment names must be there, whatever it is opened for
    modules = ModuleDirectory(
        settings.components_dir,
        archive=settings.state_dir / "modules",
        cache=settings.state_dir / "cache",
        allowed_sources=settings.terraform.allowed_module_sources,
        engines=partial(chosen_engine, engines, chosen.types),
        repository=settings.root,
    )
    return Workspace(
        environment=chosen,
        parameters=stores.parameters,
        graph=stores.graph,
        state=stores.state,
        log=stores.log,
        artifacts=stores.artifacts,
        modules=modules,
        terraform=_terraform(settings, chosen.name, engines, modules, processes, environ, aws, say),
        reloader=Reloads(
            directory=settings.root,
            environment=environ,
            processes=processes,
            allowed_hosts=settings.reload.allowed_hosts,
            access=aws.access,
        ),
        repository=GitConfigRepository(
            settings.root, configs=settings.project.config_dir, modules=settings.project.components_dir
        ),
        publish_index=FilePublishIndex(settings.state_dir / "publish", place=chosen.prefix),
        actor=Actor(user=user or current_user(), source=source, flow_run=flow_run),
        clock=utc_now,
        new_id=new_id,
        say=say,
        known_secrets=stores.known_secrets,
    )


def open_for_person(
    settings: Settings, environment: str | None, *, say: Say = say_nothing, by_token: bool = True
) -> Workspace:
    """Open the environment for the person at this process, whom KARMA_TOKEN or AWS proves.

    KARMA_TOKEN is a token of Karma's or of an issuer in `[oidc]`. AWS is asked when a proof is needed, and
    only where the environment has a section `aws`. Refused `token-not-recognised`, logged as denied. Without
    `by_token` the token is not looked at: an environment that is only read beside the one that it is for.
    """
    opened = open_workspace(settings, environment, say=say)
    section = settings.section(opened.name)
    if section.aws is not None:
        opened = replace(opened, prove=CallerIdentity(caller_access(section.region, section.aws)))
    text = os.environ.get("KARMA_TOKEN", "")
    if not (by_token and text):
        return opened
    return opened.acting_as(identity.by_token(opened, text, open_issuers(settings)))


def _terraform(
    settings: Settings,
    environment: str,
    engines: Engines,
    modules: Modules,
    processes: Processes,
    environ: dict[str, str],
    aws: AwsStores,
    say: Say,
) -> TerraformRunner:
    folder = settings.state_dir / environment
    cache = settings.state_dir / "cache"
    section = settings.section(environment)
    backend: Backend = LocalBackend(settings.tfstate_dir(environment))
    if section.terraform_state == "s3":
        backend = S3Backend(aws.s3, state_place(section.aws or AwsSettings()))
    return TerraformRunner(
        engines,
        modules=modules,
        backend=backend,
        directories=Directories(
            data=folder / "terraform",
            work=folder / "work",
            private=folder / "private",
            applies=folder / APPLIES,
            cache=cache,
        ),
        environment=environ,
        for_init=fetching(os.environ),
        processes=processes,
        seconds=Seconds(
            plan=settings.terraform.plan_seconds,
            apply=settings.terraform.apply_seconds,
            save=settings.terraform.save_seconds,
            lock=settings.terraform.lock_timeout_seconds,
        ),
        access=aws.access.environment if section.aws else dict,
        say=say,
    )


def open_engines(
    settings: Settings, environment: str, processes: Processes, environ: dict[str, str]
) -> Engines:
    """The engines that the environment and the project choose, and the types may choose for themselves."""
    return Engines(
        [Wish(place, choice) for place, choice in settings.engines(environment)],
        cache=settings.state_dir / "cache",
        processes=processes,
        environment=environ,
        root=settings.root,
    )


def chosen_engine(
    engines: Engines, types: Mapping[str, JsonMapping], component_type: str, definition: JsonObject | None
) -> Chosen:
    """The engine of a type by its component.yaml and what the settings say of it."""
    said = {**(definition or {}), **types.get(component_type, {})}.get("terraform")
    binary = said.get("binary") if isinstance(said, dict) else None
    if not isinstance(binary, str) or not binary:
        return Chosen(engines.engine())
    choice = EngineChoice(binary=binary)
    return Chosen(engines.engine(choice), engines.mark(choice))


def state_place(aws: AwsSettings) -> StatePlace:
    """Where Terraform's states are in S3."""
    return StatePlace(
        bucket=aws.tfstate_bucket or aws.bucket,
        prefix=aws.tfstate_prefix,
        lock_table=aws.tfstate_lock_table,
        kms_key_id=aws.kms_key_id,
        local=bool(aws.endpoint_url),
    )


def open_stores(settings: Settings, environment: str | None, *, say: Say = say_nothing) -> Stores:
    """An environment's stores alone."""
    name = settings.choose_environment(environment).name
    return Stores(settings, name, settings.state_dir / name, say=say, secrets=_own_secrets(settings))


def _own_secrets(settings: Settings) -> list[str]:
    """The credentials and tokens of this process: of its environment, and of the settings."""
    of_settings = (
        settings.github.token,
        settings.service.prefect_auth,
        settings.webhooks.github_secret,
        *(section.webhook_secret for section in settings.environments.values()),
        *(issuer.client_secret for issuer in settings.oidc.values()),
    )
    named = [os.environ[name] for name in credential_names(os.environ)]
    of_server = Credentials(settings.state_dir).read()
    named += [of_server, of_server.partition(":")[2]]
    return [*named, *(secret.reveal() for secret in of_settings)]


def open_gremlin(settings: Settings, environment: str | None, *, served: bool = False) -> Gremlin:
    """Return the engine that answers Gremlin text about a graph: the graph store, or an embedded one.

    The embedded one runs in this process; where others are `served` beside, in processes of its own.
    """
    stores = open_stores(settings, environment)
    if stores.section.graph != "gremlin" and served:
        from karma_adapters.gremlin.pool import GremlinPool  # noqa: PLC0415 - few ask it

        return GremlinPool(stores.graph)
    if stores.section.graph != "gremlin":
        from karma_adapters.gremlin.embedded import EmbeddedGremlin  # noqa: PLC0415 - loads the engine

        return EmbeddedGremlin(stores.graph)
    from karma_adapters.gremlin.text import GremlinText  # noqa: PLC0415 - loads gremlinpython

    return GremlinText(stores.gremlin)


def open_creation(settings: Settings, environment: str | None) -> tuple[Creation, tuple[Place, ...]]:
    """Return (the creator of an environment's tables and buckets, those that it needs)."""
    name = settings.choose_environment(environment).name
    return _creation(settings, name), places(settings, name)


def open_examination(settings: Settings, name: str) -> Examination:
    """Return the checks of an environment's AWS account."""
    aws = _aws(settings, name)
    return Examination(aws.service, _creation(settings, name), places(settings, name))


def open_runs(settings: Settings) -> PrefectRuns:
    """The flow runs of the project's Prefect API: a RunStarter. Nothing is asked before the first call."""
    from karma_adapters.prefect.discovery import require_api  # noqa: PLC0415 - loads httpx, which no read needs
    from karma_adapters.prefect.runs import PrefectRuns  # noqa: PLC0415 - as above

    return PrefectRuns(partial(require_api, settings))


def open_code_host(settings: Settings) -> ports.CodeHost:
    """GitHub, as the settings say; SettingsError where there is no token."""
    from karma_adapters.git.github import GitHub  # noqa: PLC0415 - loads httpx, which no read needs

    token = settings.github.token.reveal()
    if not token:
        raise SettingsError(
            "GitHub cannot be told anything",
            why="github.token is empty",
            next_step="set KARMA_GITHUB__TOKEN",
        )
    return GitHub(settings.github.api_url, token)


def _creation(settings: Settings, name: str) -> Creation:
    aws = _aws(settings, name)
    key = (settings.section(name).aws or AwsSettings()).kms_key_id
    return Creation(aws.dynamodb, aws.s3, region=aws.access.region, kms_key_id=key)


def _aws(settings: Settings, name: str) -> AwsStores:
    section = settings.section(name)
    folder = settings.state_dir / name
    return AwsStores(name, section.region, section.aws or AwsSettings(), folder, clock=utc_now)


def new_id() -> str:
    """Return a new ULID: it sorts by time and is unique without coordination."""
    return str(ULID())


def current_user() -> str:
    """Return the stated user: KARMA_USER, or the login name. It proves nothing."""
    return os.environ.get("KARMA_USER") or getpass.getuser()
