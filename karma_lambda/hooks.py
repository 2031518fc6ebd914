"""Settings of webhooks for a function: accepted repositories and branches, and secrets from parameters."""

from __future__ import annotations

from karma_adapters.wiring.settings import Sections
from karma_api.service import Hooks
from karma_core import ports
from karma_core.errors import SettingsError
from karma_core.webhooks import SHORTEST_SECRET
from karma_lambda.settings import Webhooks


def make_hooks(
    settings: Sections, webhooks: Webhooks, parameters: ports.ParameterStore, environment: str
) -> Hooks:
    """The environment's hooks, their secrets as they are now; SettingsError for one that cannot be used."""
    said, own = settings.webhooks, settings.section(environment).webhook_secret
    parameter = webhooks.generic_secret_parameters.get(environment, "")
    return Hooks(
        github_secret=_secret(parameters, webhooks.github_secret_parameter, said.github_secret.reveal()),
        generic_secret=_secret(parameters, parameter, own.reveal()),
        repositories=tuple(said.repositories),
        branches=tuple(said.branches),
        config_dir=settings.project.config_dir,
    )


def _secret(parameters: ports.ParameterStore, name: str, said: str) -> str:
    """The value of the parameter; where none is named, what the settings say (empty: the endpoint is off)."""
    if not name:
        return said
    parameter = parameters.get(name, decrypt=True)
    value = parameter.value if parameter is not None else None
    if value is None or len(value) < SHORTEST_SECRET:
        why = "there is no such parameter" if value is None else "it is too short to be a secret"
        raise SettingsError(
            f"the webhook's secret cannot be taken from {name}",
            why=why,
            next_step=f"create it as a SecureString of at least {SHORTEST_SECRET} characters",
        )
    return value
