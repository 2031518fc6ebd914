"""Runs every benchmark that has figures, or those named: `python -m benchmarks [graph …]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.figures import show


def main(chosen: list[str]) -> None:
    """Print the figures of each module of this package that has a `run()`, by name."""
    for name in chosen or sorted(listed.name for listed in pkgutil.iter_modules(benchmarks.__path__)):
        if name == "__main__":
            continue
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "run"):
            show(module.TITLE, module.run())


if __name__ == "__main__":
    main(sys.argv[1:])
