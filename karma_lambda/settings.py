"""What a function is told: one JSON object in the variable KARMA_FUNCTION, written by its deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from karma_adapters.settings import Settings
from karma_core import strictjson
from karma_core.errors import KarmaError, SettingsError
from karma_core.roles import Role

VARIABLE: Final = "KARMA_FUNCTION"
SCRATCH: Final = Path("/tmp/karma")  # noqa: S108 - the one place where a function may write
"""Caches of one container; nothing is lost with them."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Authorizer(_Section):
    """Whom API Gateway lets in, and as what.

    `roles` maps values of the claim `role_claim` to roles, `iam_roles` ARNs of IAM roles; where several fit,
    the highest counts. `user_claim` is what the log names the caller by (else `sub`).
    """

    role_claim: str = "cognito:groups"
    user_claim: str = "email"
    roles: dict[str, Role] = {}
    iam_roles: dict[str, Role] = {}


class Runs(_Section):
    """Who is told of a run: the Prefect API of `project.service`, else an EventBridge bus.

    `prefect_auth_parameter` names the SecureString parameter that holds the API's `USER:PASSWORD`.
    """

    event_bus: str = ""
    prefect_auth_parameter: str = ""


class Webhooks(_Section):
    """SecureString parameters with the endpoints' secrets; empty: that of `project.webhooks`, if any."""

    github_secret_parameter: str = ""
    generic_secret_parameter: str = ""


class FunctionSettings(_Section):
    """All of it. `project` has the keys of karma.toml, `answer_bytes` is the largest body sent as it is.

    Its default leaves room in the 6 MB of a Lambda response for headers and for escaping (Lambda Developer
    Guide, "Lambda quotas").
    """

    project: dict[str, Any]
    authorizer: Authorizer = Authorizer()
    runs: Runs = Runs()
    webhooks: Webhooks = Webhooks()
    answer_bytes: int = Field(default=4_000_000, ge=1_000, le=4_500_000)


def read_function(environ: Mapping[str, str] = os.environ) -> FunctionSettings:
    """The settings of this function; SettingsError for what cannot be used."""
    try:
        body = strictjson.parse_object(environ.get(VARIABLE, "").encode(), where=VARIABLE)
        return FunctionSettings.model_validate(body)
    except ValidationError as error:
        raise _refused(_faults(error)) from error
    except KarmaError as error:
        raise _refused(error.why or error.what) from error


def project_settings(function: FunctionSettings) -> Settings:
    """The project's settings, as the command line would read them from karma.toml."""
    try:
        return Settings(root=SCRATCH, **function.project)
    except ValidationError as error:
        raise _refused(f"project: {_faults(error)}") from error
    except TypeError as error:
        raise _refused(f"project: {error}") from error


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])


def _refused(why: str) -> SettingsError:
    return SettingsError(
        "the function's settings cannot be used",
        why=why,
        next_step=f"correct {VARIABLE}; the Terraform of deployments/aws writes it",
    )
