"""The settings: one frozen tree, the same for the command line, the service and functions.

It is what `karma.toml` holds; `karma_adapters.wiring.reading` reads it with the `KARMA_…` variables over it,
a function is given it as JSON. Unknown keys are refused, so that a misspelt one cannot be ignored. Nothing
here loads more than msgspec: functions start with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from karma_adapters.wiring.kinds import (
    ARTIFACTS,
    GRAPH,
    PARAMETERS,
    SINKS,
    STATE,
    STORES,
    ArtifactsName,
    GraphName,
    Kind,
    ParametersName,
    SinkName,
    StateName,
    kind_of,
)
from karma_core import ids
from karma_core.documents import WHOLE, Document, Secret
from karma_core.errors import NotFound, UsageError
from karma_core.json_types import JsonObject
from karma_core.webhooks import SHORTEST_SECRET
from karma_core.workspace import EnvironmentSettings

Url = Annotated[str, Meta(pattern=rf"^(https?://[^\s@]+)?{WHOLE}")]
RoleArn = Annotated[str, Meta(pattern=rf"^(arn:aws[a-z-]*:iam::\d{{12}}:role/.+)?{WHOLE}")]
Port = Annotated[int, Meta(ge=0, le=65_535)]
API_PORT: Final = 8321
"""Where the API listens unless `api.port` says otherwise. Ours."""


class Project(Document, frozen=True, kw_only=True):
    """`[project]`: folders, relative to the project, and how deploys are run."""

    config_dir: str = "iac"
    components_dir: str = "components"
    state_dir: str = ".karma"
    default_environment: str | None = None
    orchestrator: Literal["prefect", "direct"] = "prefect"


class AwsSettings(Document, frozen=True, kw_only=True):
    """`[environments.<name>.aws]`: how AWS is reached, and the names of what Karma uses there.

    No credentials: they are AWS's own (environment, profile, role).
    """

    profile: str = ""
    role_arn: RoleArn = ""
    external_id: str = ""
    endpoint_url: Url = ""
    state_table: str = ""
    log_table: str = ""
    bucket: str = ""
    kms_key_id: str = ""
    object_lock_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    requests_per_second: Annotated[float, Meta(gt=0, le=10_000)] = 40
    standard_quota: Annotated[int, Meta(ge=1)] = 10_000
    advanced_quota: Annotated[int, Meta(ge=1)] = 100_000
    tfstate_bucket: str = ""
    tfstate_prefix: str = ""
    tfstate_lock_table: str = ""


class LogSettings(Document, frozen=True, kw_only=True):
    """`[log]`. The required sink orders the events; without it nothing is applied."""

    sinks: tuple[SinkName, ...] = ("sqlite", "file")
    required: SinkName = "sqlite"

    def kinds(self) -> tuple[Kind, ...]:
        """The sinks that are named, the required one among them."""
        return tuple(kind for kind in SINKS if kind.name in {*self.sinks, self.required})


class EnvironmentLog(Document, frozen=True, kw_only=True):
    """`[environments.<name>.log]`: what is otherwise than `[log]` in this environment."""

    sinks: tuple[SinkName, ...] | None = None
    required: SinkName | None = None


class Environment(Document, frozen=True, kw_only=True):
    """`[environments.<name>]`. Keys of its `policy` stand before those of `[policy]`."""

    prefix: str = "/iac"
    region: str = "us-east-1"
    parallelism: Annotated[int, Meta(ge=1, le=64)] = 4
    lease_seconds: Annotated[float, Meta(ge=5, le=3600)] = 60
    variables: JsonObject = {}
    policy: JsonObject = {}
    parameters: ParametersName = PARAMETERS[0].name
    state: StateName = STATE[0].name
    artifacts: ArtifactsName = ARTIFACTS[0].name
    terraform_state: Literal["local", "s3"] = "local"
    aws: AwsSettings | None = None
    log: EnvironmentLog | None = None
    graph: GraphName = GRAPH[0].name
    gremlin_url: Annotated[str, Meta(pattern=rf"^(wss?://[A-Za-z0-9.\-\[\]:]+/\S*)?{WHOLE}")] = ""
    gremlin_reader_url: Annotated[str, Meta(pattern=rf"^(wss?://[A-Za-z0-9.\-\[\]:]+/\S*)?{WHOLE}")] = ""
    gremlin_auth: Literal["none", "sigv4"] = "none"

    def __post_init__(self) -> None:
        self._check_names(self.aws or AwsSettings())
        self._check_gremlin()

    def stores(self) -> dict[str, Kind]:
        """Key of this section → the kind of store that it names."""
        return {setting: kind_of(kinds, getattr(self, setting)) for setting, kinds in STORES.items()}

    def _check_names(self, aws: AwsSettings) -> None:
        """Every store in a table or bucket of AWS needs its name."""
        for setting, kind in self.stores().items():
            if kind.aws_setting and not getattr(aws, kind.aws_setting):
                raise ValueError(f'{setting} = "{kind.name}" needs aws.{kind.aws_setting}')
        if self.terraform_state == "s3" and not (aws.tfstate_bucket or aws.bucket):
            raise ValueError('terraform_state = "s3" needs aws.tfstate_bucket or aws.bucket')

    def _check_gremlin(self) -> None:
        """Refuse a Gremlin store without an endpoint, and a signed connection without TLS."""
        if self.graph == "gremlin" and not self.gremlin_url:
            raise ValueError('graph = "gremlin" needs gremlin_url, like wss://HOST:8182/gremlin')
        urls = {"gremlin_url": self.gremlin_url, "gremlin_reader_url": self.gremlin_reader_url or "wss://"}
        for name, url in urls.items():
            if self.gremlin_auth == "sigv4" and not url.startswith("wss://"):
                raise ValueError(f'gremlin_auth = "sigv4" needs a {name} that begins with wss://')


class TerraformSettings(Document, frozen=True, kw_only=True):
    """`[terraform]`. `binary`: a path or a name on PATH; empty: terraform, tofu or the embedded one.

    `plan_seconds` and `apply_seconds` end in an interrupt, after which Terraform has `save_seconds` to save.
    """

    binary: str = ""
    allowed_module_sources: list[str] = []
    lock_timeout_seconds: Annotated[int, Meta(ge=0, le=3600)] = 60
    plan_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 3_600
    apply_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 21_600
    save_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 600
    pass_environment: list[str] = []


class ReloadSettings(Document, frozen=True, kw_only=True):
    """`[reload]`. `allowed_hosts`: host names, addresses and networks that HTTP actions may call.

    An address that is not public must be listed itself.
    """

    allowed_hosts: list[str] = []


class ApiSettings(Document, frozen=True, kw_only=True):
    """`[api]`: where the API listens, who may call without a token, and what one caller may use.

    `port` is the usual one where it is not set; `karma up` then takes a free one if that is taken.
    `public_url` is the address under which people reach it, where that is not the one it listens on.
    """

    host: str = "127.0.0.1"
    port: Port | None = None
    public_url: Url = ""
    anonymous_role: Literal["", "viewer", "operator", "approver", "admin"] = ""
    requests_per_second: Annotated[float, Meta(gt=0, le=100_000)] = 100
    burst: Annotated[float, Meta(ge=1, le=1_000_000)] = 400
    max_body_bytes: Annotated[int, Meta(ge=1_024, le=1_048_576)] = 1_048_576
    request_seconds: Annotated[float, Meta(ge=1, le=900)] = 60
    max_streams: Annotated[int, Meta(ge=1, le=10_000)] = 100
    access_log: bool = False


class WebhookSettings(Document, frozen=True, kw_only=True):
    """`[webhooks]`: secrets of the endpoints (empty: the endpoint is off), and whose pushes count.

    A short secret could be guessed from one signed delivery.
    """

    github_secret: Secret = Secret("")
    generic_secret: Secret = Secret("")
    repositories: list[str] = []
    branches: tuple[str, ...] = ("main",)

    def __post_init__(self) -> None:
        if any(
            0 < len(secret.reveal()) < SHORTEST_SECRET for secret in (self.github_secret, self.generic_secret)
        ):
            raise ValueError(f"a secret has fewer than {SHORTEST_SECRET} characters")


class GithubSettings(Document, frozen=True, kw_only=True):
    """`[github]`: where pull-request checks are reported."""

    api_url: Annotated[str, Meta(pattern=rf"^https?://[^\s@]+{WHOLE}")] = "https://api.github.com"
    token: Secret = Secret("")


class ServiceSettings(Document, frozen=True, kw_only=True):
    """`[service]`: what `karma up` starts, and the Prefect API that it or somebody else runs.

    A port that is not set is the usual one, or a free one where that is taken. `prefect_auth` is
    `USER:PASSWORD`, Prefect's own basic authentication.
    """

    prefect_api_url: Annotated[str, Meta(pattern=rf"^(https?://[^\s@/]+(/\S*)?/api)?{WHOLE}")] = ""
    prefect_auth: Secret = Secret("")
    prefect_port: Port | None = None
    workers: Annotated[int, Meta(ge=1, le=32)] = 1
    runs_per_environment: Annotated[int, Meta(ge=1, le=64)] = 4
    rebuild_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 900
    drift_cron: str = "7 5 * * *"
    notice_url: Annotated[str, Meta(pattern=rf"^(https?://[^\s]+)?{WHOLE}")] = ""


Place = tuple[str, ...]
_OTHER_STATES: Final = "aws.tfstate_bucket or aws.tfstate_prefix"
_OTHER_PARAMETERS: Final = "prefix, region or account (aws.profile, aws.role_arn)"


def _state_place(section: Environment) -> Place | None:
    """Where an environment's Terraform states are in S3; None where they are files of its own."""
    aws = section.aws
    if section.terraform_state == "local" or aws is None:
        return None
    return aws.tfstate_bucket or aws.bucket, aws.tfstate_prefix.strip("/"), aws.endpoint_url


def _parameter_place(section: Environment) -> Place | None:
    """Account, region and prefix of an environment's parameters; None where they are in a file of its own.

    An account is told by the role that is assumed, else by the profile: two profiles of one account are seen
    to be one only by the parameter that binds the prefix.
    """
    if section.parameters == "local":
        return None
    aws = section.aws or AwsSettings()
    account = aws.role_arn.split(":")[4] if aws.role_arn else aws.profile
    return account, aws.endpoint_url, section.region, section.prefix.rstrip("/")


class Sections(Document, frozen=True, kw_only=True):
    """All sections, wherever they were read from. A policy is checked where it decides."""

    project: Project = Project()
    environments: dict[str, Environment] = {}
    terraform: TerraformSettings = TerraformSettings()
    log: LogSettings = LogSettings()
    reload: ReloadSettings = ReloadSettings()
    api: ApiSettings = ApiSettings()
    webhooks: WebhookSettings = WebhookSettings()
    github: GithubSettings = GithubSettings()
    service: ServiceSettings = ServiceSettings()
    policy: JsonObject = {}
    identities: dict[str, list[str]] = {}
    types: dict[str, JsonObject] = {}

    def __post_init__(self) -> None:
        """Two environments in one place would overwrite each other's parameters or Terraform states."""
        self._check_places(_state_place, "keep Terraform states in one place", _OTHER_STATES)
        self._check_places(_parameter_place, "keep parameters in one place", _OTHER_PARAMETERS)

    def _check_places(self, place_of: Callable[[Environment], Place | None], what: str, how: str) -> None:
        places: dict[Place, str] = {}
        for name, section in sorted(self.environments.items()):
            place = place_of(section)
            other = places.setdefault(place, name) if place is not None else name
            if other != name:
                raise ValueError(f"{other} and {name} {what}; give each its own {how}")

    def section(self, name: str) -> Environment:
        """`[environments.<name>]`, or its defaults."""
        return self.environments.get(name, Environment())

    def log_of(self, name: str) -> LogSettings:
        """The log's sinks in an environment: its own, else those of `[log]`."""
        own = self.section(name).log or EnvironmentLog()
        return LogSettings(
            sinks=self.log.sinks if own.sinks is None else own.sinks,
            required=self.log.required if own.required is None else own.required,
        )

    def environment(self, name: str) -> EnvironmentSettings:
        """Return the core's settings of an environment; its own policy's keys override the common ones."""
        section = self.section(name)
        others = {environment.prefix for other, environment in self.environments.items() if other != name}
        return EnvironmentSettings(
            name=name,
            prefix=section.prefix,
            region=section.region,
            variables=section.variables,
            types=self.types,
            policy={**self.policy, **section.policy},
            identities=self.identities,
            foreign_prefixes=tuple(sorted(others - {section.prefix})),
            parallelism=section.parallelism,
            lease_seconds=section.lease_seconds,
        )


class Settings(Sections, frozen=True, kw_only=True):
    """The settings of a project in a folder, `root`."""

    root: Path

    @property
    def config_dir(self) -> Path:
        """Folder of `<environment>/<type>/<nickname>/config.json`."""
        return self.root / self.project.config_dir

    @property
    def components_dir(self) -> Path:
        """Folder of the types' modules."""
        return self.root / self.project.components_dir

    @property
    def state_dir(self) -> Path:
        """Folder of everything that Karma keeps locally."""
        return self.root / self.project.state_dir

    def environment_names(self) -> list[str]:
        """Environments that have a section or a folder of configs, sorted."""
        folders = {p.name for p in self.config_dir.iterdir()} if self.config_dir.is_dir() else set()
        return sorted({name for name in folders if ids.ENVIRONMENT.match(name)} | set(self.environments))

    def choose_environment(self, name: str | None) -> EnvironmentSettings:
        """The named environment, else the default, else the only one; UsageError or NotFound otherwise."""
        known = self.environment_names()
        name = name or os.environ.get("KARMA_ENV") or self.project.default_environment
        if name is None and len(known) == 1:
            name = known[0]
        if name is None:
            raise UsageError(
                "no environment was chosen",
                why=f"the project has {', '.join(known) or 'none yet'}",
                next_step="add --env NAME, set KARMA_ENV, or set project.default_environment in karma.toml",
            )
        ids.check_environment(name)
        if name not in known:
            raise NotFound(
                f"there is no environment {name!r} in this project",
                why=f"it has {', '.join(known) or 'none'}",
                next_step=f"create {self.project.config_dir}/{name}/ or [environments.{name}] in karma.toml",
            )
        return self.environment(name)
