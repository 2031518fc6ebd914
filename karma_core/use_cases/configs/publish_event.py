"""The log record of a publish: the action of its event, and the artifact beside it."""

from __future__ import annotations

from typing import Final

ACTION: Final = "config_publish"
VERSIONS: Final = "versions.json"
"""Name of the artifact with the new versions by address, where they are too many for the event."""
