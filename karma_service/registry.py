"""Sees to it that the Prefect server holds what Karma needs, also after its database was lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from karma_core.errors import KarmaError

Known = Literal["registered", "lost", "unknown"]
"""`unknown`: the server does not answer; it may be starting."""
DATABASE: Final = "prefect.db"
"""Prefect's own name of it, in PREFECT_HOME."""
OF_ANOTHER_KIND: Final = (
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)
"""Variables by which somebody gives the server another database than that file."""
_Identity = tuple[int, int]


class Registry:
    """Looks, each time it is called, whether the deployments are there; registers them again where not.

    A server whose database file was deleted or replaced under it goes on with the old one, or fails: it is
    started again. `database` is None where the server, or its database, is somebody else's.
    """

    def __init__(
        self,
        ask: Callable[[], Known],
        *,
        register: Callable[[], None],
        restart: Callable[[], None],
        say: Callable[[str], None],
        database: Path | None,
    ) -> None:
        self._ask = ask
        self._register = register
        self._restart = restart
        self._say = say
        self._database = database
        self._seen = self._identity()

    def __call__(self) -> None:
        """One look. What goes wrong is said, and tried again at the next."""
        if self._database_changed():
            self._say("the Prefect database was deleted or replaced: the server is started again")
            self._restart()
            return
        if self._ask() != "lost":
            return
        self._say(
            "the Prefect server has none of Karma's deployments: its database was lost; registering again"
        )
        try:
            self._register()
        except KarmaError as error:
            self._say(f"{error.code}: {error.what} ({error.why}); it is tried again")
        else:
            self._say("registered again; runs that Prefect knew are still in Karma's own log")

    def _database_changed(self) -> bool:
        """Whether the file is another one than before; a first or a new one is taken as it is."""
        now = self._identity()
        before, self._seen = self._seen, now
        return before is not None and now != before

    def _identity(self) -> _Identity | None:
        if self._database is None:
            return None
        try:
            status = self._database.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def own_database(home: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file of a server that runs in this home; None where another database is set."""
    return None if any(environ.get(name) for name in OF_ANOTHER_KIND) else home / DATABASE
