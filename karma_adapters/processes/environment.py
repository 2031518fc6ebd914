"""The environment that child processes get: an allow-list, because variables can change what a tool does.

`TF_CLI_ARGS_plan=-destroy` would turn a plan into a destroy, `TF_VAR_…` would set a variable that the
fingerprint does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

ALLOWED: Final = (
    "AWS_*",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_*",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    "TMPDIR",
    "TZ",
    "USER",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Names, `*` for the rest of one: where to find programs, how to reach the network and AWS, how to write."""
_CLI_CONFIG: Final = "TF_CLI_CONFIG_FILE"
FETCHING: Final = ("GIT_SSH", "GIT_SSH_COMMAND", "NETRC", "SSH_AUTH_SOCK", "TF_TOKEN_*")
"""What Git and registries ask for. Only `terraform init` gets it: a module's own programs run in no init."""
_PATHS: Final = (
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "NETRC",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
)
"""Variables that hold a path. Children run in folders of their own, where a relative one means another."""


def allowed(
    environment: Mapping[str, str], extra: Sequence[str] = (), folder: Path | None = None
) -> dict[str, str]:
    """The part of an environment that children get; `extra` are more names or patterns.

    Relative paths are resolved against `folder`, where they were written: the current one.
    """
    return _chosen(environment, (*ALLOWED, *extra), folder)


def fetching(environment: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    """The part of an environment with which modules and providers are fetched, beside `allowed`."""
    return _chosen(environment, FETCHING, folder)


def missing_cli_config(environment: Mapping[str, str]) -> str:
    """The path in TF_CLI_CONFIG_FILE where it names no file; empty where it does, or is not set.

    Terraform warns at every call and goes on without the mirror that the file names. Karma leaves the
    variable out, and says so in `karma doctor` and where an init fails.
    """
    path = _absolute(environment.get(_CLI_CONFIG, ""), None)
    return path if path and not Path(path).is_file() else ""


def _chosen(environment: Mapping[str, str], patterns: Sequence[str], folder: Path | None) -> dict[str, str]:
    chosen = {
        name: _absolute(value, folder) if name in _PATHS else value
        for name, value in sorted(environment.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    if missing_cli_config(chosen):
        del chosen[_CLI_CONFIG]
    return chosen


def _absolute(path: str, folder: Path | None) -> str:
    """The path from the folder on; an empty one stays so."""
    return str((folder or Path.cwd()) / path) if path else path
