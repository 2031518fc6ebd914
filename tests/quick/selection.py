"""Which unit and contract tests are near a change, by the import graph."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).parents[2]
KINDS: Final = ("tests.unit.", "tests.contract.")
"""What is run; integration, end-to-end and upgrade tests are not."""
DOCS: Final = "tests/unit/docs"
"""Documents are held against the code there."""


def packages() -> list[str]:
    """Names of the packages that hold code, the tests among them."""
    names = [path.parent.name for path in sorted(ROOT.glob("*/__init__.py"))]
    return [*names, "tests"]


def git(*words: str) -> list[str]:
    """Lines of what git says; none where it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def base_of(branch: str = "main") -> str:
    """The commit that the work began at: where HEAD left `branch`, else (on it) the commit before HEAD."""
    base, head = git("merge-base", "HEAD", branch), git("rev-parse", "HEAD")
    return base[0] if base and base != head else "HEAD~1"


def changed_files(base: str) -> list[str]:
    """Paths that differ between a commit and the work tree, new ones included, sorted."""
    tracked = git("diff", "--name-only", base, "--")
    return sorted({*tracked, *git("ls-files", "--others", "--exclude-standard")})


def module_of(path: str, modules: Collection[str]) -> str | None:
    """The module that a file is, or the package that it lies in; None outside the packages.

    A file that is gone has its package, too: whoever imports from there may miss it.
    """
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name if "." in name or name in set(packages()) - {"tests"} else None


def near(paths: Iterable[str], graph: grimp.ImportGraph) -> list[str]:
    """Test files, nearest first.

    Those that changed; those that import what changed; those of its neighbours, the modules that import what
    changed; those that use it through a helper of the tests.
    """
    paths = list(paths)
    modules = graph.modules
    changed = {name for path in paths if (name := module_of(path, modules)) is not None}
    own = {name for name in changed if _is_test(name)}
    importing = _importers(changed, graph)
    helpers = {name for name in importing if name.startswith("tests.") and not _is_test(name)}
    neighbours = importing - helpers
    rings = (own, importing, _importers(neighbours, graph), _importers(helpers, graph))
    ordered = dict.fromkeys(name for ring in rings for name in sorted(ring) if _is_test(name))
    files = [path for name in ordered if (ROOT / (path := name.replace(".", "/") + ".py")).is_file()]
    documents = any(path.endswith(".md") for path in paths)
    return [*files, DOCS] if documents else files


def _importers(names: Iterable[str], graph: grimp.ImportGraph) -> set[str]:
    """Every module that imports one of these."""
    return {importer for name in names for importer in graph.find_modules_that_directly_import(name)}


def _is_test(name: str) -> bool:
    return name.startswith(KINDS) and name.rpartition(".")[2].startswith("test_")


def build_graph() -> grimp.ImportGraph:
    """The imports of all packages and tests; under a second, kept between runs."""
    return grimp.build_graph(*packages(), cache_dir=str(ROOT / "build" / "quick" / "imports"))
