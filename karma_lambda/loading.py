"""The garbage collector while a container starts: what is loaded stays, so looking for garbage finds none.

It is off until the function is made, and what was loaded until then is not looked at again (`gc.freeze`): the
work is not put off to the first request, it is never done. It would be a seventh of a function's loading.
"""

from __future__ import annotations

import gc


def begin() -> None:
    """Called before anything of a function is loaded."""
    gc.disable()


def finish() -> None:
    """Called once all of it is; nothing in a process that did not begin."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
