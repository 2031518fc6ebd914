"""The settings: one frozen tree, the same for the command line, the service and functions.

It is what `karma.toml` holds; `karma_adapters.wiring.reading` reads it with the `KARMA_…` variables over it,
a function is given it as JSON. Unknown keys are refused, so that a misspelt one cannot be ignored. Nothing
here loads more than msgspec: functions start with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

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
from karma_core.engines import ANY, EngineChoice, constraints_of
from karma_core.errors import NotFound, UsageError
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.state_places import StateFolder
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


def _check_long_enough(secret: Secret) -> None:
    """Refuse a webhook's secret that could be guessed from one signed delivery; an empty one is none."""
    if 0 < len(secret.reveal()) < SHORTEST_SECRET:
        raise ValueError(f"a webhook's secret has fewer than {SHORTEST_SECRET} characters")


class EnvironmentLog(Document, frozen=True, kw_only=True):
    """`[environments.<name>.log]`: what is otherwise than `[log]` in this environment."""

    sinks: tuple[SinkName, ...] | None = None
    required: SinkName | None = None


class Environment(Document, frozen=True, kw_only=True):
    """`[environments.<name>]`. Keys of its `policy` stand before those of `[policy]`.

    `webhook_secret` signs the orders of `/webhooks/generic` for this environment; empty: it is off here.
    """

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
    gremlin_load_role: Annotated[str, Meta(pattern=rf"^(arn:aws[a-z-]*:iam::\d{{12}}:role/\S+)?{WHOLE}")] = ""
    gremlin_load_vertices: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 100_000
    webhook_secret: Secret = Secret("")
    terraform: EngineChoice | None = None
    gremlin_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0

    def __post_init__(self) -> None:
        _check_long_enough(self.webhook_secret)
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
        if self.gremlin_load_role and not (self.aws and self.aws.bucket):
            raise ValueError("gremlin_load_role needs aws.bucket, from which Neptune loads")
        urls = {"gremlin_url": self.gremlin_url, "gremlin_reader_url": self.gremlin_reader_url or "wss://"}
        for name, url in urls.items():
            if self.gremlin_auth == "sigv4" and not url.startswith("wss://"):
                raise ValueError(f'gremlin_auth = "sigv4" needs a {name} that begins with wss://')


class TerraformSettings(Document, frozen=True, kw_only=True):
    """`[terraform]`. `binary`: a path or a name on PATH; empty: terraform, tofu or the embedded one.

    `version` is a constraint on it. An environment and a type may say both for themselves.

    `plan_seconds` and `apply_seconds` end in an interrupt, after which Terraform has `save_seconds` to save.
    """

    binary: str = ""
    version: str = ""
    allowed_module_sources: list[str] = []
    lock_timeout_seconds: Annotated[int, Meta(ge=0, le=3600)] = 60
    plan_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 3_600
    apply_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 21_600
    save_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 600
    pass_environment: list[str] = []

    def __post_init__(self) -> None:
        constraints_of(self.version)


class ReloadSettings(Document, frozen=True, kw_only=True):
    """`[reload]`. `allowed_hosts`: host names, addresses and networks that HTTP actions may call.

    An address that is not public must be listed itself.
    """

    allowed_hosts: list[str] = []


EVERYBODY: Final = " for everybody who can connect"
"""What `api.anonymous_role` says behind a role that may write, where the API listens on a network."""


class ApiSettings(Document, frozen=True, kw_only=True):
    """`[api]`: where the API listens, who may call without a token, and what one caller may use.

    `port` is the usual one where it is not set; `karma up` then takes a free one if that is taken. `socket`
    is the path of a Unix socket to listen on instead. `public_url` is the address under which people reach
    it, where that is not the one it listens on; `allowed_hosts` are further host names of it.
    `trusted_proxies` are addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` count.
    `token_days` is how long a token lives unless its maker says otherwise.
    """

    host: str = "127.0.0.1"
    port: Port | None = None
    socket: str = ""
    public_url: Url = ""
    allowed_hosts: list[str] = []
    anonymous_role: Literal[
        "", "viewer", "operator", "approver", "admin", "operator for everybody who can connect",
        "approver for everybody who can connect", "admin for everybody who can connect",
    ] = ""  # fmt: skip
    requests_per_second: Annotated[float, Meta(gt=0, le=100_000)] = 100
    burst: Annotated[float, Meta(ge=1, le=1_000_000)] = 400
    max_body_bytes: Annotated[int, Meta(ge=1_024, le=1_048_576)] = 1_048_576
    request_seconds: Annotated[float, Meta(ge=1, le=900)] = 60
    max_streams: Annotated[int, Meta(ge=1, le=10_000)] = 100
    access_log: bool = False
    trusted_proxies: list[str] = []
    token_days: Annotated[int, Meta(ge=1, le=3_650)] = 90

    def __post_init__(self) -> None:
        """Refuse a proxy that is neither an address nor a network, and one that would be everybody.

        Whoever reaches a port has no name: more than reading is given to them in full words only.
        """
        for entry in self.trusted_proxies:
            if ip_network(entry).prefixlen == 0:
                raise ValueError(f"trusted_proxies: {entry} is every address")
        role = self.anonymous_role
        if role in {"", "viewer"} or role.endswith(EVERYBODY) or self.socket:
            return
        raise ValueError(
            f'anonymous_role = "{role}" lets everybody who reaches the port act without a token; let the API '
            f'listen on a Unix socket (socket), or say anonymous_role = "{role}{EVERYBODY}"'
        )

    @property
    def role_without_token(self) -> Role | None:
        """The role of callers without a token; None: they are turned away."""
        name = self.anonymous_role.removesuffix(EVERYBODY)
        return Role(name) if name else None


class IssuerRule(Document, frozen=True, kw_only=True):
    """`[[oidc.<name>.rules]]`: claims that all have to match (`*`, `?`) → a role, in these environments."""

    claims: Annotated[dict[str, str], Meta(min_length=1)]
    role: Literal["viewer", "operator", "approver", "admin"]
    environments: list[str] = []


class IssuerSettings(Document, frozen=True, kw_only=True):
    """`[oidc.<name>]`: an issuer of OIDC tokens, which of them count, and which role their claims give.

    `audience` is what tokens at the API must be for; `client_id` is what the pages sign people in as, by the
    authorization code flow. `separators` say how a claim that is a text holds several values.
    """

    issuer: Annotated[str, Meta(pattern=rf"^(https?://[^\s@?#]+)?{WHOLE}")] = ""
    audience: list[str] = []
    client_id: str = ""
    client_secret: Secret = Secret("")
    scopes: str = "openid email profile"
    user_claim: str = "email"
    email_is_verified: bool = False
    separators: dict[str, Annotated[str, Meta(min_length=1)]] = {}
    rules: list[IssuerRule] = []

    def __post_init__(self) -> None:
        """Refuse an issuer over plain HTTP, and one whose tokens could be meant for others."""
        host = urlsplit(self.issuer).hostname
        if not host:
            raise ValueError("issuer must say whose tokens count")
        if self.issuer.startswith("http://") and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("issuer must begin with https://")
        if not self.audience and not self.client_id:
            raise ValueError("audience or client_id must say for whom tokens are")


class WebhookSettings(Document, frozen=True, kw_only=True):
    """`[webhooks]`: the secret of GitHub's deliveries (empty: they are off), and whose pushes count."""

    github_secret: Secret = Secret("")
    repositories: list[str] = []
    branches: tuple[str, ...] = ("main",)

    def __post_init__(self) -> None:
        _check_long_enough(self.github_secret)


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
    oidc: dict[str, IssuerSettings] = {}
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

    def engines(self, name: str) -> tuple[tuple[str, EngineChoice], ...]:
        """(place, choice) of the engines that an environment and the project ask for, the stronger first."""
        common = EngineChoice(binary=self.terraform.binary, version=self.terraform.version)
        return (f"[environments.{name}.terraform]", self.section(name).terraform or ANY), (
            "[terraform]",
            common,
        )

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
            states=self._states(name, section),
        )

    def _states(self, name: str, section: Environment) -> StateFolder | None:
        """Where Terraform's states are in S3; None where they are files, which a folder's settings know."""
        del name
        place = _state_place(section)
        return StateFolder("s3", place[1], place[0]) if place is not None else None


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

    def tfstate_dir(self, environment: str) -> Path:
        """Folder of an environment's Terraform states, where they are files."""
        return self.state_dir / environment / "tfstate"

    def _states(self, name: str, section: Environment) -> StateFolder:
        """Where Terraform's states are, in S3 or in this folder."""
        local = StateFolder("local", str(self.tfstate_dir(name).absolute()))
        return super()._states(name, section) or local

    @property
    def api_socket(self) -> Path | None:
        """The Unix socket that the API listens on; None where it listens on a port."""
        return self.root / self.api.socket if self.api.socket else None

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
