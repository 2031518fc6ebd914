"""Error handling that the programs beside `karma` share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from karma_core.errors import KarmaError
from karma_core.printable import printable

CANNOT_WORK: Final = 2
"""Exit code, as of a wrong call."""
INTERRUPTED: Final = 130
"""Exit code, as shells have it for SIGINT."""


@contextmanager
def ending_in_words(program: str) -> Iterator[None]:
    """Print an error to standard error, with the program's name, and exit CANNOT_WORK; Ctrl-C is silent."""
    try:
        yield
    except KarmaError as error:
        sys.stderr.write(printable(f"{program}: {error}\n"))
        raise SystemExit(CANNOT_WORK) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
