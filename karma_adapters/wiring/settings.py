"""Settings: one frozen tree, read once at the entry from `karma.toml` and `KARMA_…` variables.

Variables win over the file; a nested setting is reached by two underscores
(`KARMA_PROJECT__ORCHESTRATOR=direct`). Unknown keys are refused, so that a misspelt one cannot be ignored.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from karma_core import ids
from karma_core.documents import written
from karma_core.errors import NotFound, SettingsError, UsageError
from karma_core.policy.document import read_policy
from karma_core.policy.identities import read_identities
from karma_core.webhooks import SHORTEST_SECRET
from karma_core.workspace import EnvironmentSettings

FILE = "karma.toml"
VARIABLE = "KARMA_"
OWN_VARIABLES = frozenset({"KARMA_ENV", "KARMA_PROJECT_DIR", "KARMA_USER", "KARMA_TOKEN", "KARMA_FAILPOINT"})
"""Read elsewhere, and no settings: environment, project, user, the user's token, fault injection."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Project(_Section):
    """`[project]`: folders, relative to the project, and how deploys are run."""

    config_dir: str = "iac"
    components_dir: str = "components"
    state_dir: str = ".karma"
    default_environment: str | None = None
    orchestrator: Literal["prefect", "direct"] = "prefect"


class AwsSettings(_Section):
    """`[environments.<name>.aws]`: how AWS is reached, and the names of what Karma uses there.

    No credentials: they are AWS's own (environment, profile, role).
    """

    profile: str = ""
    role_arn: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/.+)?$")
    external_id: str = ""
    endpoint_url: str = Field(default="", pattern=r"^(https?://[^\s@]+)?$")
    state_table: str = ""
    log_table: str = ""
    bucket: str = ""
    kms_key_id: str = ""
    object_lock_days: int = Field(default=0, ge=0, le=36_500)
    requests_per_second: float = Field(default=40, gt=0, le=10_000)
    standard_quota: int = Field(default=10_000, ge=1)
    advanced_quota: int = Field(default=100_000, ge=1)
    tfstate_bucket: str = ""
    tfstate_prefix: str = ""
    tfstate_lock_table: str = ""


class Environment(_Section):
    """`[environments.<name>]`. Keys of its `policy` stand before those of `[policy]`."""

    prefix: str = "/iac"
    region: str = "us-east-1"
    parallelism: int = Field(default=4, ge=1, le=64)
    lease_seconds: float = Field(default=60, ge=5, le=3600)
    variables: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    parameters: Literal["local", "ssm"] = "local"
    state: Literal["local", "dynamodb"] = "local"
    artifacts: Literal["local", "s3"] = "local"
    terraform_state: Literal["local", "s3"] = "local"
    aws: AwsSettings | None = None
    graph: Literal["sqlite", "gremlin"] = "sqlite"
    gremlin_url: str = Field(default="", pattern=r"^(wss?://[A-Za-z0-9.\-\[\]:]+/\S*)?$")
    gremlin_auth: Literal["none", "sigv4"] = "none"

    @model_validator(mode="after")
    def _names_what_it_uses(self) -> Environment:
        """Every store in AWS needs its name."""
        aws = self.aws or AwsSettings()
        needed = {
            'state = "dynamodb"': ("state_table", self.state == "dynamodb" and not aws.state_table),
            'artifacts = "s3"': ("bucket", self.artifacts == "s3" and not aws.bucket),
            'terraform_state = "s3"': (
                "tfstate_bucket or aws.bucket",
                self.terraform_state == "s3" and not (aws.tfstate_bucket or aws.bucket),
            ),
        }
        for setting, (key, missing) in needed.items():
            if missing:
                raise ValueError(f"{setting} needs aws.{key}")
        return self

    @model_validator(mode="after")
    def _check_gremlin(self) -> Environment:
        """A graph in Gremlin needs an endpoint, and a signature must not travel in the clear."""
        if self.graph == "gremlin" and not self.gremlin_url:
            raise ValueError('graph = "gremlin" needs gremlin_url, like wss://HOST:8182/gremlin')
        if self.gremlin_auth == "sigv4" and not self.gremlin_url.startswith("wss://"):
            raise ValueError('gremlin_auth = "sigv4" needs a gremlin_url that begins with wss://')
        return self


class TerraformSettings(_Section):
    """`[terraform]`. `binary`: a path or a name on PATH; empty: terraform, tofu or the embedded one."""

    binary: str = ""
    allowed_module_sources: list[str] = []
    lock_timeout_seconds: int = Field(default=60, ge=0, le=3600)
    pass_environment: list[str] = []


class LogSettings(_Section):
    """`[log]`. The required sink orders the events; without it nothing is applied."""

    sinks: list[Literal["sqlite", "file", "dynamodb", "s3"]] = ["sqlite", "file"]
    required: Literal["sqlite", "file", "dynamodb", "s3"] = "sqlite"


class ReloadSettings(_Section):
    """`[reload]`. `allowed_hosts`: host names, addresses and networks that HTTP actions may call.

    An address that is not public must be listed itself.
    """

    allowed_hosts: list[str] = []


class ApiSettings(_Section):
    """`[api]`: where the API listens, who may call without a token, and what one caller may use.

    `public_url` is the address under which people reach it, where that is not the one it listens on.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65_535)
    public_url: str = Field(default="", pattern=r"^(https?://[^\s@]+)?$")
    anonymous_role: Literal["", "viewer", "operator", "approver", "admin"] = ""
    requests_per_second: float = Field(default=100, gt=0, le=100_000)
    burst: float = Field(default=400, ge=1, le=1_000_000)
    max_body_bytes: int = Field(default=1_048_576, ge=1_024, le=1_048_576)
    request_seconds: float = Field(default=60, ge=1, le=900)
    max_streams: int = Field(default=100, ge=1, le=10_000)
    access_log: bool = False


class WebhookSettings(_Section):
    """`[webhooks]`: secrets of the endpoints (empty: the endpoint is off), and whose pushes count."""

    github_secret: SecretStr = SecretStr("")
    generic_secret: SecretStr = SecretStr("")
    repositories: list[str] = []
    branches: list[str] = ["main"]

    @field_validator("github_secret", "generic_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        """A short secret could be guessed from one signed delivery."""
        if 0 < len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"it has fewer than {SHORTEST_SECRET} characters")
        return secret


class GithubSettings(_Section):
    """`[github]`: where Karma says what it thinks of pull requests."""

    api_url: str = Field(default="https://api.github.com", pattern=r"^https?://[^\s@]+$")
    token: SecretStr = SecretStr("")


class ServiceSettings(_Section):
    """`[service]`: what `karma up` starts, and the Prefect API that it or somebody else runs.

    A port that is not set is the usual one, or a free one where that is taken. `prefect_auth` is
    `USER:PASSWORD`, Prefect's own basic authentication.
    """

    prefect_api_url: str = Field(default="", pattern=r"^(https?://[^\s@/]+(/\S*)?/api)?$")
    prefect_auth: SecretStr = SecretStr("")
    prefect_port: int | None = Field(default=None, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=32)
    runs_per_environment: int = Field(default=4, ge=1, le=64)
    rebuild_seconds: int = Field(default=900, ge=0, le=86_400)
    drift_cron: str = "7 5 * * *"
    notice_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")


def _checked_policy(body: dict[str, Any]) -> dict[str, Any]:
    try:
        read_policy(body)
    except SettingsError as error:
        raise ValueError(error.why) from error
    return body


def _checked_identities(people: dict[str, list[str]]) -> dict[str, list[str]]:
    try:
        read_identities(people)
    except SettingsError as error:
        raise ValueError(error.why) from error
    return people


class Settings(BaseSettings):
    """All of it. `root` is the project's folder."""

    model_config = SettingsConfigDict(
        env_prefix=VARIABLE, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    root: Path = Field(exclude=True)
    project: Project = Project()
    environments: dict[str, Environment] = {}
    terraform: TerraformSettings = TerraformSettings()
    log: LogSettings = LogSettings()
    reload: ReloadSettings = ReloadSettings()
    api: ApiSettings = ApiSettings()
    webhooks: WebhookSettings = WebhookSettings()
    github: GithubSettings = GithubSettings()
    service: ServiceSettings = ServiceSettings()
    policy: Annotated[dict[str, Any], AfterValidator(_checked_policy)] = {}
    identities: Annotated[dict[str, list[str]], AfterValidator(_checked_identities)] = {}
    types: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _states_are_apart(self) -> Settings:
        """Two environments in one place would overwrite each other's Terraform states."""
        places: dict[tuple[str, str, str], str] = {}
        for name, section in sorted(self.environments.items()):
            aws = section.aws
            if section.terraform_state == "local" or aws is None:
                continue
            place = (aws.tfstate_bucket or aws.bucket, aws.tfstate_prefix.strip("/"), aws.endpoint_url)
            other = places.setdefault(place, name)
            if other != name:
                raise ValueError(
                    f"{other} and {name} keep Terraform states in one place; "
                    "give each its own aws.tfstate_bucket or aws.tfstate_prefix"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables before the file's values (which come as arguments)."""
        return env_settings, init_settings

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
        section = dict(self.section(name))
        of_core = EnvironmentSettings.__dataclass_fields__.keys() & section.keys() - {"policy"}
        others = {e.prefix for other, e in self.environments.items() if other != name}
        return EnvironmentSettings(
            name=name,
            types=self.types,
            policy=self._policy_of(name),
            identities=self.identities,
            foreign_prefixes=tuple(sorted(others - {section["prefix"]})),
            **{key: section[key] for key in of_core},
        )

    def section(self, name: str) -> Environment:
        """`[environments.<name>]`, or its defaults."""
        return self.environments.get(name, Environment())

    def _policy_of(self, name: str) -> dict[str, Any]:
        """The policy of an environment as JSON values; SettingsError where its own keys cannot be used."""
        return written(read_policy({**self.policy, **self.section(name).policy}))


def read_settings(root: Path) -> Settings:
    """The settings of the project in root; SettingsError with file and key for what cannot be used."""
    path = root / FILE
    try:
        body = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{FILE} cannot be read", why=str(error), next_step="correct the file") from error
    _refuse_unknown_variables()
    try:
        return Settings(root=root, **body)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise SettingsError(
            "a setting cannot be used",
            why=faults,
            next_step=f"correct it in {FILE} or in its {VARIABLE} variable; docs/settings.md lists all",
        ) from error
    except TypeError as error:
        raise SettingsError(f"{FILE} cannot be used", why=str(error), next_step="correct the file") from error


def _refuse_unknown_variables() -> None:
    """A KARMA_ variable that names no setting is a mistake that would otherwise go unseen."""
    sections = {name.upper() for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if not variable.startswith(VARIABLE) or variable in OWN_VARIABLES:
            continue
        if variable.startswith("KARMA_TEST_") or variable == "KARMA_SOAK":
            continue
        if variable.removeprefix(VARIABLE).split("__")[0] not in sections:
            raise SettingsError(
                f"the variable {variable} names no setting",
                next_step="unset it, or write it like KARMA_PROJECT__ORCHESTRATOR",
            )


def find_project(start: Path) -> Path:
    """The nearest folder, from start upwards, that holds a karma.toml; else start itself."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    return start
