"""The issuers of OIDC tokens that a project's settings name; their library is loaded where there are any."""

from __future__ import annotations

from karma_adapters.wiring.settings import Settings
from karma_core.issuers import Issuers


def open_issuers(settings: Settings) -> Issuers | None:
    """The issuers of `[oidc]`; None where there are none. None is asked before it is needed."""
    if not settings.oidc:
        return None
    from karma_adapters.oidc.issuers import OidcIssuers  # noqa: PLC0415 - loads cryptography

    return OidcIssuers(settings.oidc, tuple(settings.environment_names()))
