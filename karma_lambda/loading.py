"""The garbage collector while a container starts: what is loaded stays, so looking for garbage finds none.

It is off until the function is made, and what was loaded until then is not looked at again (`gc.freeze`): the
work is not put off to the first request, it is never done. It would be a seventh of a function's loading.
"""

from __future__ import annotations

import gc


def begin() -> None:
    """Pause the collector, before anything of a function is loaded."""
    gc.disable()


def finish() -> None:
    """Resume the collector, once everything is loaded; without `begin` nothing happens."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
