"""IAM authentication for Neptune: each connection's handshake is signed anew.

A signature is valid for five minutes (AWS, "Signing AWS API requests"), a client lives longer: headers made
once would fail at the first reconnect. The credentials are those of the environment, its profile or assumed
role included, and are renewed before they expire.
"""

from __future__ import annotations

from typing import Any, Final, Protocol
from urllib.parse import urlsplit

SERVICE: Final = "neptune-db"  # Neptune User Guide, "Connecting to Neptune using IAM authentication"


class Credentials(Protocol):
    """Where an environment's credentials come from: `karma_adapters.aws.access.Access`."""

    @property
    def region(self) -> str:
        """The region to sign for."""
        ...

    def credentials(self) -> Any:
        """The credentials of now, as botocore signs with them."""
        ...


def signature(url: str, access: Credentials) -> dict[str, str]:
    """Headers that sign a GET of the URL. Blocks where credentials are fetched."""
    # Only who uses IAM pays for loading botocore.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    parts = urlsplit(url)
    request = AWSRequest("GET", f"https://{parts.netloc}{parts.path}", headers={"Host": parts.netloc})
    SigV4Auth(access.credentials(), SERVICE, access.region).add_auth(request)
    return dict(request.headers.items())
