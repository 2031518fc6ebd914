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
_FILES: Final = frozenset({"TF_CLI_CONFIG_FILE"})
"""Variables that are dropped where they name no file: Terraform would warn at every call."""


def allowed(environment: Mapping[str, str], extra: Sequence[str] = ()) -> dict[str, str]:
    """The part of an environment that children get; `extra` are more names or patterns."""
    patterns = (*ALLOWED, *extra)
    return {
        name: value
        for name, value in sorted(environment.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns)
        and (name not in _FILES or Path(value).is_file())
    }
