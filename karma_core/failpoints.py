"""Named places at which a test may end the process, to show that a crash there harms nothing.

`reach` does nothing until a hook is installed, which only entry points under test do
(`karma_adapters.local.failpoints`).
"""

from __future__ import annotations

from collections.abc import Callable

Hook = Callable[[str], None]

_hooks: list[Hook] = []


def install(hook: Hook | None) -> None:
    """Call hook with the name of every failpoint that is reached from now on; None removes it."""
    _hooks[:] = [hook] if hook is not None else []


def reach(name: str) -> None:
    """Say that the named place has been reached."""
    for hook in _hooks:
        hook(name)
