"""Waits at the end of a container or a unit, with which everything ends that still runs in it.

    python -m flows.until_saved PROJECT

returns when no Terraform saves a state any more that the run which began it has left to its watcher.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from karma_adapters.processes.children import LAST_SECONDS, MARGIN_SECONDS
from karma_adapters.processes.programs import ending_in_words
from karma_adapters.processes.signs_of_life import SignsOfLife
from karma_adapters.terraform.left_applies import wait_until_saved
from karma_adapters.terraform.runner_options import APPLIES
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_core.printable import printable


def stay_until_saved(settings: Settings, say: Callable[[str], None], signs: SignsOfLife) -> None:
    """Wait for them as long as their watchers give them, and say which they are."""
    folders = [settings.state_dir / name / APPLIES for name in settings.environment_names()]
    said: list[str] = []

    def beat(left: list[str]) -> None:
        signs.alive()
        if left != said:
            say(f"waiting for Terraform to save the state of {', '.join(left)}")
            said[:] = left

    seconds = settings.terraform.save_seconds + LAST_SECONDS + MARGIN_SECONDS
    for address in wait_until_saved(folders, seconds, beat):
        say(f"Terraform still works on {address}")


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")


if __name__ == "__main__":
    with ending_in_words("flows.until_saved"):
        stay_until_saved(
            read_settings(Path(sys.argv[1]).resolve()),
            _say,
            SignsOfLife(),
        )
