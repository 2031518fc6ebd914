"""The password of a project's own Prefect server, made where none is set, in a file for its owner alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from karma_core.errors import StoreUnavailable

FILE: Final = "prefect-auth"
"""In the service's folder."""
USER: Final = "karma"
PASSWORD_BYTES: Final = 32
OWNER_ONLY: Final = 0o600


def new_credentials() -> str:
    """Return `USER:PASSWORD` with a new random password."""
    return f"{USER}:{secrets.token_urlsafe(PASSWORD_BYTES)}"


class Credentials:
    """`USER:PASSWORD` in a file of mode 0600 below the folder of everything that Karma keeps locally."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "service" / FILE

    def read(self) -> str:
        """What is in the file; empty where there is none, or it is another user's."""
        try:
            return self.path.read_text("utf-8").strip()
        except OSError:
            return ""

    def ensure(self) -> str:
        """What is in the file, which is made where it is missing; of several at once, one makes it.

        A file that others could read counts no longer: its password is replaced. StoreUnavailable
        `prefect-auth` where it can be neither read nor made.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_mode & 0o077:
                self.path.unlink()
            if not self.path.exists():
                self._make()
            return self.path.read_text("utf-8").strip()
        except OSError as error:
            raise StoreUnavailable(
                f"the Prefect server's password cannot be kept in {self.path}",
                why=str(error),
                next_step="see to it that the folder is yours, or set KARMA_SERVICE__PREFECT_AUTH",
                code="prefect-auth",
            ) from error

    def _make(self) -> None:
        """Write it beside, and link it into its place unless somebody else was faster."""
        descriptor, scratch = tempfile.mkstemp(prefix=f".{FILE}.", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), OWNER_ONLY)
                stream.write(f"{new_credentials()}\n")
            with suppress(FileExistsError):
                self.path.hardlink_to(scratch)
        finally:
            Path(scratch).unlink(missing_ok=True)
