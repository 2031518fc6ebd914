"""Settings of a function: one JSON object in the variable KARMA_FUNCTION, written by its deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from karma_adapters.wiring.settings import Sections
from karma_core import documents, strictjson
from karma_core.documents import Document
from karma_core.errors import KarmaError, SettingsError
from karma_core.json_types import JsonObject
from karma_core.roles import Role

VARIABLE: Final = "KARMA_FUNCTION"
SCRATCH: Final = Path("/tmp/karma")  # noqa: S108 - the one place where a function may write
"""Caches of one container; nothing is lost with them."""


class Authorizer(Document, frozen=True, kw_only=True):
    """Callers that API Gateway admits, and their roles.

    `roles` maps values of the claim `role_claim` to roles, `iam_roles` ARNs of IAM roles; where several fit,
    the highest counts. `user_claim` is what the log names the caller by (else `sub`).

    A claim that is a list counts as one; a text counts as one value, unless `role_separator` says how its
    values are separated: a blank for HTTP APIs, a comma for REST APIs. An e-mail address counts where
    `email_verified` says so; `email_is_verified`: the issuer gives only verified ones.
    """

    role_claim: str = "cognito:groups"
    role_separator: Literal["", " ", ","] = ""
    user_claim: str = "email"
    email_is_verified: bool = False
    roles: dict[str, Role] = {}
    iam_roles: dict[str, Role] = {}


class Runs(Document, frozen=True, kw_only=True):
    """Where runs are started: the Prefect API of `project.service`, or else an EventBridge bus.

    `prefect_auth_parameter` names the SecureString parameter that holds the API's `USER:PASSWORD`.
    """

    event_bus: str = ""
    prefect_auth_parameter: str = ""


class Webhooks(Document, frozen=True, kw_only=True):
    """SecureString parameters with the endpoints' secrets; where none is named, the secret is in `project`.

    `generic_secret_parameters`: environment → the parameter with its secret.
    """

    github_secret_parameter: str = ""
    generic_secret_parameters: dict[str, str] = {}


class FunctionSettings(Document, frozen=True, kw_only=True):
    """All settings. `project` has the keys of karma.toml, `answer_bytes` is the largest body sent directly.

    Its default leaves room in the 6 MB of a Lambda response for headers and for escaping (Lambda Developer
    Guide, "Lambda quotas").
    """

    project: JsonObject
    authorizer: Authorizer = Authorizer()
    runs: Runs = Runs()
    webhooks: Webhooks = Webhooks()
    answer_bytes: Annotated[int, Meta(ge=1_000, le=4_500_000)] = 4_000_000


def read_function(environ: Mapping[str, str] = os.environ) -> FunctionSettings:
    """The settings of this function; SettingsError for what cannot be used."""
    try:
        body = strictjson.parse_object(environ.get(VARIABLE, "").encode(), where=VARIABLE)
        return documents.read(FunctionSettings, body)
    except documents.Faults as error:
        raise _refused(error.summary(whole=VARIABLE)) from error
    except KarmaError as error:
        raise _refused(error.why or error.what) from error


def project_settings(function: FunctionSettings) -> Sections:
    """The project's settings, with the keys that karma.toml has."""
    try:
        return documents.read(Sections, function.project)
    except documents.Faults as error:
        raise _refused(error.summary(whole="project", below="project")) from error


def _refused(why: str) -> SettingsError:
    return SettingsError(
        "the function's settings cannot be used",
        why=why,
        next_step=f"correct {VARIABLE}; the Terraform of deployments/aws writes it",
    )
