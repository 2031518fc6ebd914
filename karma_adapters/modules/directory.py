"""The component types' Terraform modules, `<root>/<type>/`, behind `ports.Modules`.

A module is walked and stamped at every call, and read (hashed, parsed) only when its stamp moved. What was
read is kept in memory and in one small file a type, so that the next process reads nothing either.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_adapters.modules import component_yaml
from karma_adapters.modules import files as module_files
from karma_adapters.modules.archive import ModuleArchive
from karma_adapters.modules.files import ModuleFile
from karma_core import configuration, ids, module_facts
from karma_core.configuration import Engine
from karma_core.decoding import decode
from karma_core.errors import BadInput, Conflict
from karma_core.inference.facts import ModuleFacts
from karma_core.inference.file_reads import OF_TEXT, PathRead, paths_read
from karma_core.inference.read import read_module
from karma_core.json_types import JsonObject
from karma_core.module_facts import ChildSource, FileFacts
from karma_core.records import Module

DEFINITION: Final = "component.yaml"
_PATTERNS: Final = ".outside"
"""Ends the names of the cache's files with the patterns of what modules read outside their directories."""
MAX_TEXT_FILE: Final = 64 << 10
MAX_TEXTS: Final = 512 << 10
"""Bytes of a file, and of all of a type's, that are kept with the facts. Ours: templates are a few KB."""
_FORMAT: Final = "15"
"""Of the cache: part of every stamp, so that a newer Karma does not trust an older one's reading."""


class _Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A module as read. `directories` are those of its own and its child modules' files.

    `outside` are patterns of the files elsewhere in the repository that it reads; `facts` are what decides
    which references its components have.
    """

    stamp: str
    directories: tuple[str, ...]
    outside: tuple[str, ...] = ()
    module: Module
    facts: ModuleFacts


class Chosen(NamedTuple):
    """The engine of a type. `mark` changes whenever a program of its own may have; else it is empty."""

    engine: Engine
    mark: str = ""


EngineOf = Callable[[str, JsonObject | None], Chosen]
"""Gives the engine of a type, with its component.yaml."""
Mark = tuple[int, int, int] | None
"""Time, size and inode of a component.yaml; None: there is none."""


def _terraform(_component_type: str, _definition: JsonObject | None) -> Chosen:
    return Chosen(Engine.TERRAFORM)


class ModuleDirectory:
    """Modules below root, their archive, and a cache of what was read.

    `allowed_sources` are patterns (`*` matches anything) of child module sources that are not local; they
    hold for the files of both engines, whichever runs the modules: `engines` says that of a type by its
    component.yaml. `repository` is the project's directory: files that modules read may come from anywhere in
    the repository that holds it.
    """

    def __init__(
        self,
        root: Path,
        *,
        archive: Path,
        cache: Path,
        allowed_sources: Sequence[str] = (),
        engines: EngineOf = _terraform,
        repository: Path | None = None,
    ) -> None:
        self._root = root
        self._repository = repository_of(repository or root)
        self._cache = cache
        self._allowed = tuple(allowed_sources)
        self._archive = ModuleArchive(archive)
        self._engine_of = engines
        self._engines: dict[str, tuple[Mark, Chosen]] = {}
        self._salt = (_FORMAT, os.path.realpath(root), *self._allowed)
        self._readings: dict[str, _Reading] = {}
        self._lock = threading.Lock()

    def types(self) -> tuple[str, ...]:
        """Types with configuration or a component.yaml, sorted; directories with other names are skipped."""
        if not self._root.is_dir():
            return ()
        return tuple(
            sorted(e.name for e in os.scandir(self._root) if ids.TYPE.match(e.name) and _is_type(e.path))
        )

    def definition(self, component_type: str) -> JsonObject | None:
        """The parsed component.yaml; BadInput `component-type` with its place."""
        name = f"{ids.check_type(component_type)}/{DEFINITION}"
        path = self._root / name
        if not path.is_file():
            return None
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root)):
            raise BadInput(
                f"{name} cannot be used",
                why="it is a link that leaves the modules' directory",
                next_step="replace it by a regular file",
                code="component-type",
                file=name,
            )
        return component_yaml.read(path.read_bytes(), name)

    def module(self, component_type: str) -> Module | None:
        """The module now; BadInput `module-unreadable` or `module-source` with file, line and column."""
        reading = self._reading(component_type)
        return None if reading is None else reading.module

    def facts(self, component_type: str) -> ModuleFacts | None:
        """Return the module's symbolic facts, its reads and writes; BadInput as `module`."""
        reading = self._reading(component_type)
        return None if reading is None else reading.facts

    def parts(self, component_type: str) -> tuple[str, ...]:
        """Directories of the module and its local child modules, then what links in them lead to, sorted."""
        reading = self._reading(component_type)
        if reading is None:
            return (component_type,)
        with _translated(component_type):
            files = self._files(reading.directories)
            linked = {target for file in files if (target := self._target(file))}
            elsewhere = {file.path for file in self._outside(reading.outside)}
        return (*reading.directories, *sorted(linked | elsewhere))

    def _target(self, file: ModuleFile) -> str | None:
        """The directory or file that a link in a file's path leads to; None where there is no link."""
        root = Path(os.path.realpath(self._root))
        holding = os.path.normpath((root / file.path).parent)
        directory = os.path.realpath(holding)
        if directory != holding:
            return os.path.relpath(directory, root)
        real = os.path.relpath(os.path.realpath(root / file.path), root)
        return None if real == file.path else real

    def _reading(self, component_type: str) -> _Reading | None:
        """Return the reading of a type's module as its files are now; None if it has none."""
        ids.check_type(component_type)
        if not _configuration(self._root / component_type):
            return None
        with self._lock, _translated(component_type):
            known = self._readings.get(component_type) or self._load(component_type)
            if known is None or known.stamp != self._stamp(component_type, known):
                known = self._read(component_type)
                self._save(known)
            self._readings[component_type] = known
            return known

    def revision(self) -> str:
        """A digest of names, sizes and times of everything below the root, and of what counts elsewhere."""
        patterns = sorted({line for file in self._cache.glob(f"*{_PATTERNS}") for line in _lines(file)})
        files = [*module_files.survey(self._root), *self._outside(patterns)]
        marks = [mark for name in self.types() if (mark := self._chosen(name).mark)]
        return module_files.stamp(files, *self._salt, self._chosen("").engine, *marks)

    def _chosen(self, component_type: str) -> Chosen:
        """The engine of a type; of the empty one, that of types that choose none."""
        try:
            about = (self._root / component_type / DEFINITION).stat() if component_type else None
        except OSError:
            about = None
        mark = (about.st_mtime_ns, about.st_size, about.st_ino) if about else None
        known = self._engines.get(component_type)
        if about is not None and known is not None and known[0] == mark:
            return known[1]
        definition = None
        if about is not None:
            with suppress(BadInput):
                definition = self.definition(component_type)
        chosen = self._engine_of(component_type, definition)
        self._engines[component_type] = (mark, chosen)
        return chosen

    def archive(self, module: Module) -> str:
        """Keep a copy; Conflict if the files are no longer those of the module. Free when kept already.

        A copy that was damaged is made again.
        """
        if self._kept(module) is None:
            with _translated(module.type):
                reading = self._read(module.type)
                contents = self._contents(reading.directories, reading.outside)
                if module_files.tree_digest(contents) != module.digest:
                    raise Conflict(
                        f"the module {module.type} changed since it was read",
                        next_step="run the command again",
                    )
                place = os.path.relpath(os.path.realpath(self._root), self._repository)
                self._archive.keep(module, self._root, contents, place)
        return module.digest

    def _kept(self, module: Module) -> Module | None:
        """The intact copy; None where there is none, also because it was damaged and has been removed."""
        try:
            return self._archive.find(module.digest, module.type)
        except BadInput:
            if module.path.startswith(str(self._root)):
                self._archive.drop_damaged(module.digest)
                return None
            raise

    def archived(self, digest: str, component_type: str) -> Module | None:
        """The module as it was archived; its path is the copy's."""
        return self._archive.find(digest, component_type)

    def archived_facts(self, digest: str, component_type: str) -> ModuleFacts | None:
        """Return the facts of the archived module, read again from its copy: only a resumed run asks."""
        files = self._archive.files(digest, component_type)
        if files is None:
            return None
        texts = {name: text for name, text in files if _is_read(Path(name).name)}
        return read_module(component_type, texts, self._chosen(component_type).engine)

    def _read(self, component_type: str) -> _Reading:
        """Hash and parse a module with its local child modules."""
        own: list[FileFacts] = []
        engine = self._chosen(component_type).engine
        directories = [component_type]
        for directory in directories:
            names = _configuration(self._root / directory)
            read = configuration.in_order(names, engine)
            unread = sorted({*names}.difference(read))
            declared = [self._facts(f"{directory}/{name}") for name in (*read, *unread)]
            own += declared[: len(read)] if directory == component_type else ()
            sources = [source for fact in declared for source in fact.children]
            child_directories = {self._child(directory, source) for source in sources}
            directories += sorted(child for child in child_directories if child and child not in directories)
        # Files are listed before they are read: one that changes in between moves the next stamp.
        files = self._files(directories)
        facts = read_module(component_type, self._configurations(directories), engine)
        outside = self._patterns(component_type, directories, facts)
        mark = module_files.stamp([*files, *self._outside(outside)], *self._salt, engine)
        module = Module(
            type=component_type,
            digest=module_files.tree_digest(self._contents(directories, outside)),
            path=str(self._root / component_type),
            variables=_merged(fact.variables for fact in own),
            sensitive_variables=_merged(fact.sensitive for fact in own),
            ephemeral_variables=_merged(fact.ephemeral for fact in own),
            outputs=_merged(fact.outputs for fact in own),
        )
        return _Reading(
            stamp=mark,
            directories=tuple(directories),
            outside=outside,
            module=module,
            facts=msgspec.structs.replace(facts, texts=self._texts(component_type, facts)),
        )

    def _texts(self, component_type: str, facts: ModuleFacts) -> dict[str, str]:
        """The short texts that functions of the module read, by path relative to the type's directory."""
        reads = {read.pattern for read in paths_read(facts) if read.function in OF_TEXT}
        root = Path(os.path.realpath(self._root))
        place = root / component_type
        patterns = [os.path.relpath(place / pattern, root) for pattern in sorted(reads)]
        texts: dict[str, str] = {}
        left = MAX_TEXTS
        with suppress(BadInput):  # so many that the rest is not looked at
            for file in module_files.outside(root, self._repository, patterns):
                if file.size > min(MAX_TEXT_FILE, left):
                    continue
                text = (root / file.path).read_bytes().decode("utf-8", "surrogateescape")
                if _is_kept(text):
                    texts[os.path.relpath(root / file.path, place)] = text
                    left -= file.size
        return texts

    def _patterns(
        self, component_type: str, directories: Sequence[str], facts: ModuleFacts
    ) -> tuple[str, ...]:
        """Patterns of the files that the module reads and that are not in its directories, sorted.

        BadInput `outside-file` where one that a function reads is not in the repository.
        """
        root = Path(os.path.realpath(self._root))
        own = [Path(os.path.normpath(root / directory)) for directory in directories]
        patterns: set[str] = set()
        for read in paths_read(facts):
            path = Path(os.path.normpath(root / component_type / read.pattern))
            if not path.is_relative_to(self._repository) or read.pattern.startswith("~"):
                if read.function:
                    raise _outside_file(component_type, read)
            elif not any(path.is_relative_to(directory) for directory in own) and (
                read.function or not any(directory.is_relative_to(path) for directory in own)
            ):  # a text may also be the beginning of a path: of a directory that holds the module, only that
                patterns.add(os.path.relpath(path, root))
        return tuple(sorted(patterns))

    def _configurations(self, directories: Sequence[str]) -> dict[str, bytes]:
        """Path → content of the files that an engine reads as configuration, or for values of variables."""
        paths = [f"{d}/{name}" for d in directories for name in _configuration(self._root / d)]
        root = directories[0]
        paths += [
            f"{root}/{e.name}" for e in os.scandir(self._root / root) if configuration.is_values(e.name)
        ]
        return {path: (self._root / path).read_bytes() for path in paths}

    def _facts(self, name: str) -> FileFacts:
        return module_facts.read((self._root / name).read_bytes(), name)

    def _child(self, directory: str, source: ChildSource) -> str | None:
        """Directory of a local child module, relative to the root; None where it is allowed and not local.

        One beside the modules' directory begins with `../`: anything in the repository may be a child module.
        """
        text = source.text
        if text is None:
            raise _bad_source(source, "it is not a plain string")
        if not text.startswith(("./", "../")):
            if not any(fnmatchcase(text, pattern) for pattern in self._allowed):
                raise _bad_source(source, f"{text[:80]!r} is not local and not among the allowed sources")
            return None
        path = os.path.normpath(f"{directory}/{text}")
        place = Path(os.path.normpath(Path(os.path.realpath(self._root)) / path))
        if path == os.curdir or not self._may_hold_a_child(place):
            why = f"{text[:80]!r} leaves the repository, or holds the modules' directory"
            raise _bad_source(source, why, "put that module into a directory of its own in the repository")
        if not (self._root / path).is_dir():
            raise _bad_source(source, f"{text[:80]!r} is not a directory", "correct the path")
        return path

    def _may_hold_a_child(self, place: Path) -> bool:
        """Whether a directory is in the repository, and does not hold all modules."""
        root = Path(os.path.realpath(self._root))
        return place.is_relative_to(self._repository) and not root.is_relative_to(place)

    def _files(self, directories: Sequence[str]) -> list[ModuleFile]:
        """Files of a module, sorted; component.yaml is Karma's own and no part of it."""
        own = f"{directories[0]}/{DEFINITION}"
        files = {
            file for one in directories for file in module_files.walk(self._root, one, self._around(one))
        }
        return sorted(file for file in files if file.path != own)

    def _around(self, directory: str) -> Path | None:
        """The directory that the links of a child module beside the modules' directory may not leave."""
        return self._repository if directory.startswith(f"{os.pardir}/") else None

    def _outside(self, patterns: Iterable[str]) -> list[ModuleFile]:
        """The files that these patterns name, sorted."""
        root = Path(os.path.realpath(self._root))
        return sorted(module_files.outside(root, self._repository, patterns))

    def _contents(self, directories: Sequence[str], outside: Sequence[str]) -> list[tuple[ModuleFile, str]]:
        files = sorted({*self._files(directories), *self._outside(outside)})
        return [(file, module_files.content_digest(self._root, file)) for file in files]

    def _stamp(self, component_type: str, known: _Reading) -> str:
        """The stamp of a module's files; empty (equal to no other) where a child's directory is gone."""
        try:
            files = [*self._files(known.directories), *self._outside(known.outside)]
            return module_files.stamp(files, *self._salt, self._chosen(component_type).engine)
        except FileNotFoundError:
            return ""

    def _load(self, component_type: str) -> _Reading | None:
        try:
            return decode((self._cache / f"{component_type}.json").read_bytes(), _Reading)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None  # a cache: what cannot be read is read anew

    def _save(self, reading: _Reading) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        replace_file(self._cache / f"{reading.module.type}.json", msgspec.json.encode(reading))
        patterns = self._cache / f"{reading.module.type}{_PATTERNS}"
        beside = [one for one in reading.directories if one.startswith(f"{os.pardir}/")]
        if reading.outside or beside:
            replace_file(patterns, "\n".join([*reading.outside, *beside]).encode())
        else:
            patterns.unlink(missing_ok=True)


def repository_of(directory: Path) -> Path:
    """The Git repository that holds the directory, or the directory itself."""
    real = Path(os.path.realpath(directory))
    return next((place for place in (real, *real.parents) if (place / ".git").exists()), real)


def _is_kept(text: str) -> bool:
    """Whether it is text of which Terraform, which normalises texts, has the same."""
    return unicodedata.is_normalized("NFC", text) and not any("\udc80" <= c <= "\udcff" for c in text)


def _lines(file: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return file.read_text("utf-8").splitlines()
    return []


def _configuration(directory: Path) -> list[str]:
    """Names of the files that an engine reads as configuration there, sorted; none if it is no directory."""
    if not directory.is_dir():
        return []
    return sorted(e.name for e in os.scandir(directory) if configuration.is_configuration(e.name))


def _is_read(name: str) -> bool:
    return configuration.is_configuration(name) or configuration.is_values(name)


def _is_type(directory: str) -> bool:
    path = Path(directory)
    return path.is_dir() and ((path / DEFINITION).is_file() or bool(_configuration(path)))


def _merged(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in names for name in group}))


@contextmanager
def _translated(component_type: str) -> Iterator[None]:
    """A file that vanished or may not be read is a finding on its type."""
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"the module {component_type} cannot be read",
            why=f"{error.strerror}: {error.filename}",
            next_step="see to it that its files can be read, then run the command again",
            code="module-unreadable",
        ) from error


_ALLOW: Final = (
    "use a path below the modules' directory, or allow the source in karma.toml "
    "(terraform.allowed_module_sources)"
)


def _bad_source(source: ChildSource, why: str, next_step: str = _ALLOW) -> BadInput:
    return BadInput(
        f"{source.file}:{source.line}:{source.column} names a module source that cannot be used",
        why=why,
        next_step=next_step,
        code="module-source",
        file=source.file,
        line=source.line,
        column=source.column,
    )


def _outside_file(component_type: str, read: PathRead) -> BadInput:
    return BadInput(
        f"{component_type}/{read.place} reads {ids.shown(read.pattern)}, which is outside the repository",
        why="a module is what is in its repository: Terraform runs in a copy of that, and a file elsewhere "
        "is in no digest and on no other machine",
        next_step="put the file into the repository, or give its content to the module by its config",
        code="outside-file",
        file=read.place,
    )
