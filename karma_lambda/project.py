"""The project's settings as a function reads them: the keys, defaults and bounds of karma.toml.

They are those of `karma_adapters.wiring.settings`, without what loads pydantic; a test compares the two key
by key. Sections that no function uses are taken as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from karma_core.documents import WHOLE, Document
from karma_core.webhooks import SHORTEST_SECRET
from karma_core.workspace import EnvironmentSettings

Arn = Annotated[str, Meta(pattern=rf"^(arn:aws[a-z-]*:iam::\d{{12}}:role/.+)?{WHOLE}")]
Address = Annotated[str, Meta(pattern=rf"^(https?://[^\s@]+)?{WHOLE}")]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Sink = Literal["sqlite", "file", "dynamodb", "s3"]


class Project(Document, frozen=True, kw_only=True):
    """`[project]`."""

    config_dir: str = "iac"
    components_dir: str = "components"
    state_dir: str = ".karma"
    default_environment: str | None = None
    orchestrator: Literal["prefect", "direct"] = "prefect"


class Aws(Document, frozen=True, kw_only=True):
    """`[environments.<name>.aws]`."""

    profile: str = ""
    role_arn: Arn = ""
    external_id: str = ""
    endpoint_url: Address = ""
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


class Environment(Document, frozen=True, kw_only=True):
    """`[environments.<name>]`."""

    prefix: str = "/iac"
    region: str = "us-east-1"
    parallelism: Annotated[int, Meta(ge=1, le=64)] = 4
    lease_seconds: Annotated[float, Meta(ge=5, le=3600)] = 60
    variables: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    parameters: Literal["local", "ssm"] = "local"
    state: Literal["local", "dynamodb"] = "local"
    artifacts: Literal["local", "s3"] = "local"
    terraform_state: Literal["local", "s3"] = "local"
    aws: Aws | None = None
    graph: Literal["sqlite", "gremlin"] = "sqlite"
    gremlin_url: Annotated[str, Meta(pattern=rf"^(wss?://[A-Za-z0-9.\-\[\]:]+/\S*)?{WHOLE}")] = ""
    gremlin_auth: Literal["none", "sigv4"] = "none"

    def __post_init__(self) -> None:
        self._check_names(self.aws or Aws())
        self._check_gremlin()

    def _check_names(self, aws: Aws) -> None:
        """Every store in AWS needs its name."""
        if self.state == "dynamodb" and not aws.state_table:
            raise ValueError('state = "dynamodb" needs aws.state_table')
        if self.artifacts == "s3" and not aws.bucket:
            raise ValueError('artifacts = "s3" needs aws.bucket')
        if self.terraform_state == "s3" and not (aws.tfstate_bucket or aws.bucket):
            raise ValueError('terraform_state = "s3" needs aws.tfstate_bucket or aws.bucket')

    def _check_gremlin(self) -> None:
        """A graph in Gremlin needs an endpoint, and a signature must not travel in the clear."""
        if self.graph == "gremlin" and not self.gremlin_url:
            raise ValueError('graph = "gremlin" needs gremlin_url, like wss://HOST:8182/gremlin')
        if self.gremlin_auth == "sigv4" and not self.gremlin_url.startswith("wss://"):
            raise ValueError('gremlin_auth = "sigv4" needs a gremlin_url that begins with wss://')


class Log(Document, frozen=True, kw_only=True):
    """`[log]`."""

    sinks: tuple[Sink, ...] = ("sqlite", "file")
    required: Sink = "sqlite"


class Api(Document, frozen=True, kw_only=True):
    """`[api]`."""

    host: str = "127.0.0.1"
    port: Port = 8321
    public_url: Address = ""
    anonymous_role: Literal["", "viewer", "operator", "approver", "admin"] = ""
    requests_per_second: Annotated[float, Meta(gt=0, le=100_000)] = 100
    burst: Annotated[float, Meta(ge=1, le=1_000_000)] = 400
    max_body_bytes: Annotated[int, Meta(ge=1_024, le=1_048_576)] = 1_048_576
    request_seconds: Annotated[float, Meta(ge=1, le=900)] = 60
    max_streams: Annotated[int, Meta(ge=1, le=10_000)] = 100
    access_log: bool = False


class Orchestration(Document, frozen=True, kw_only=True):
    """`[service]`."""

    prefect_api_url: Annotated[str, Meta(pattern=rf"^(https?://[^\s@/]+(/\S*)?/api)?{WHOLE}")] = ""
    prefect_auth: str = ""
    prefect_port: Port | None = None
    workers: Annotated[int, Meta(ge=1, le=32)] = 1
    runs_per_environment: Annotated[int, Meta(ge=1, le=64)] = 4
    rebuild_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 900
    drift_cron: str = "7 5 * * *"
    notice_url: Annotated[str, Meta(pattern=rf"^(https?://[^\s]+)?{WHOLE}")] = ""


class Deliveries(Document, frozen=True, kw_only=True):
    """`[webhooks]`."""

    github_secret: str = ""
    generic_secret: str = ""
    repositories: list[str] = []
    branches: tuple[str, ...] = ("main",)

    def __post_init__(self) -> None:
        if any(0 < len(secret) < SHORTEST_SECRET for secret in (self.github_secret, self.generic_secret)):
            raise ValueError(f"a secret has fewer than {SHORTEST_SECRET} characters")


class ProjectSettings(Document, frozen=True, kw_only=True):
    """All of it. A policy is checked where it judges."""

    project: Project = Project()
    environments: dict[str, Environment] = {}
    terraform: dict[str, Any] = {}
    log: Log = Log()
    reload: dict[str, Any] = {}
    api: Api = Api()
    webhooks: Deliveries = Deliveries()
    github: dict[str, Any] = {}
    service: Orchestration = Orchestration()
    policy: dict[str, Any] = {}
    identities: dict[str, list[str]] = {}
    types: dict[str, dict[str, Any]] = {}

    def environment(self, name: str) -> EnvironmentSettings:
        """What the core must know of an environment that there is a section of."""
        section = self.environments[name]
        others = {other.prefix for other in self.environments.values()}
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
