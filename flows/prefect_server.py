"""Prefect's server for more than one machine, behind our guard, with its passwords from files where they are.

    python -m flows.prefect_server [--host ADDRESS] [--port PORT]

`KARMA_SERVICE__PREFECT_AUTH` (or `…_FILE`) is the `USER:PASSWORD` that it asks for. Its database is what
Prefect's own `PREFECT_SERVER_DATABASE_CONNECTION_URL` says, or the PostgreSQL that the variables
`PREFECT_SERVER_DATABASE_…` describe (`HOST`, `PORT`, `NAME`, `USER`, `PASSWORD` or `PASSWORD_FILE`): of
those the URL is made here, whatever characters are in the password.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flows.server import GUARDED_PREFECT, SETTINGS
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import IN_FILE, project_to_serve, read_settings, secret_in
from karma_core.errors import SettingsError

DATABASE: Final = "PREFECT_SERVER_DATABASE_"
PREFECT_PORT: Final = 4200
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def main() -> None:
    """Become the server; exits 2 with the reason where a secret is missing."""
    parser = argparse.ArgumentParser(prog="python -m flows.prefect_server", description="Prefect's server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PREFECT_PORT, help=f"port (default: {PREFECT_PORT})")
    chosen = parser.parse_args()
    with ending_in_words("flows.prefect_server"):
        auth = read_settings(project_to_serve()).service.prefect_auth.reveal()
        variables = server_variables(os.environ, auth, chosen.host, chosen.port)
    words = [
        sys.executable, "-m", "uvicorn", "--factory", GUARDED_PREFECT,
        "--host", chosen.host, "--port", str(chosen.port), "--log-level", "warning",
        "--timeout-graceful-shutdown", "3",
    ]  # fmt: skip
    os.execve(sys.executable, words, variables)  # noqa: S606 - our own command, no shell


def server_variables(environ: Mapping[str, str], auth: str, host: str, port: int) -> dict[str, str]:
    """The environment of the server; SettingsError where a password is missing or cannot be read."""
    if not auth and host not in LOOPBACK:
        raise SettingsError(
            "Prefect's server would serve everybody who reaches it",
            why=f"it is to listen on {host}, and KARMA_SERVICE__PREFECT_AUTH is not set",
            next_step=f"set it, or KARMA_SERVICE__PREFECT_AUTH{IN_FILE}, to USER:PASSWORD",
        )
    api = PrefectApi(environ.get("PREFECT_API_URL") or f"http://127.0.0.1:{port}/api", auth)
    browsers = environ.get("PREFECT_UI_URL")
    own = {**SETTINGS, **api.server_variables(), "PREFECT_API_URL": api.url}
    if browsers:
        own["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = browsers.rstrip("/")
    kept = {name: text for name, text in environ.items() if not name.startswith(DATABASE)}
    return {**kept, **own, **_database(environ)}


def _database(environ: Mapping[str, str]) -> dict[str, str]:
    """Prefect's variables of its database; of a PostgreSQL in parts, its URL."""
    own = {name: text for name, text in environ.items() if name.startswith(DATABASE)}
    host = own.pop(f"{DATABASE}HOST", "")
    if not host:
        return own
    in_file = own.pop(f"{DATABASE}PASSWORD{IN_FILE}", "")
    password = own.pop(f"{DATABASE}PASSWORD", "")
    if in_file:
        password = secret_in(Path(in_file), f"{DATABASE}PASSWORD{IN_FILE}")
    if not password:
        raise SettingsError(
            "the password of Prefect's database is not known",
            why=f"{DATABASE}HOST is set, and neither {DATABASE}PASSWORD nor {DATABASE}PASSWORD{IN_FILE} is",
            next_step="set one of them",
        )
    from sqlalchemy import URL  # noqa: PLC0415 - Prefect's own library

    url = URL.create(
        "postgresql+asyncpg",
        username=own.pop(f"{DATABASE}USER", "prefect"),
        password=password,
        host=host,
        port=int(own.pop(f"{DATABASE}PORT", "5432")),
        database=own.pop(f"{DATABASE}NAME", "prefect"),
    )
    return {**own, f"{DATABASE}CONNECTION_URL": url.render_as_string(hide_password=False)}


if __name__ == "__main__":
    main()
