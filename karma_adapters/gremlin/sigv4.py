"""IAM authentication for Neptune: each connection's handshake is signed anew.

A signature is valid for five minutes (AWS, "Signing AWS API requests"), a client lives longer: headers made
once would fail at the first reconnect.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from gremlin_python.driver.aiohttp.transport import AiohttpTransport

from karma_core.errors import SettingsError

SERVICE: Final = "neptune-db"  # Neptune User Guide, "Connecting to Neptune using IAM authentication"


class SignedTransport(AiohttpTransport):  # type: ignore[misc]  # the driver ships no types
    """A transport that signs every handshake with the credentials that botocore finds at that moment."""

    def __init__(self, region: str, **options: Any) -> None:
        super().__init__(**options)
        self._region = region

    def connect(self, url: str, headers: dict[str, str] | None = None) -> None:
        """Open the socket."""
        super().connect(url, {**(headers or {}), **signature(url, self._region)})


def signature(url: str, region: str) -> dict[str, str]:
    """Headers that sign a GET of the URL. SettingsError where there are no credentials."""
    # Only who uses IAM pays for loading botocore.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    credentials = Session().get_credentials()
    if credentials is None:
        raise SettingsError(
            "Neptune asks for IAM authentication and there are no AWS credentials",
            why="botocore found none in the environment, the profile or the instance",
            next_step="set AWS_PROFILE, or run where a role is attached",
        )
    parts = urlsplit(url)
    request = AWSRequest("GET", f"https://{parts.netloc}{parts.path}", headers={"Host": parts.netloc})
    SigV4Auth(credentials.get_frozen_credentials(), SERVICE, region).add_auth(request)
    return dict(request.headers.items())
