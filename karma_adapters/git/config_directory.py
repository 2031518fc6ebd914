"""A directory of configs, `<environment>/<type>/<nickname>/config.json`, listed and read as untrusted input.

A scan costs one directory listing a type and one `lstat` a component; it opens no file. Symlinks are followed
where they stay below the directory. What may not be read is refused with code and place: `invalid-name`,
`duplicate-address`, `outside-root`, `broken-link`, `not-a-file`, `too-large`, `unreadable`.
"""

from __future__ import annotations

import os
import stat
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from karma_core import ids
from karma_core.errors import BadInput, NotFound
from karma_core.ports import Refuse
from karma_core.records import ConfigFile
from karma_core.strictjson import MAX_BYTES

CONFIG_FILE: Final = "config.json"
_FINE_TICK_NS: Final = 100_000_000
"""How recent a change is too recent to trust: ten times the coarsest kernel tick (10 ms at HZ=100)."""
_COARSE_TICK_NS: Final = 2_000_000_000
"""The same where times have whole seconds only (FAT counts in twos)."""


class _Folder(NamedTuple):
    """A directory whose name is still to be checked."""

    name: str
    path: str


class ConfigDirectory:
    """The directory `top`; places are said relative to `root`, which holds it."""

    def __init__(self, root: str, top: str) -> None:
        self._root = root
        self._top = top

    def scan(self, environment: str, refuse: Refuse) -> Iterator[ConfigFile]:
        """The config files of an environment, sorted by address; every refused place goes to `refuse`."""
        top = f"{self._top}/{ids.check_environment(environment)}"
        if not Path(top).is_dir():
            raise NotFound(
                f"there is no directory of configs for {environment}",
                why=f"{self._shown(top)} does not exist",
                next_step="correct the environment's name or the project's directory",
            )
        return self._scan(top, refuse)

    def read(self, file: ConfigFile) -> bytes:
        """Return the file's bytes. Everything is checked again: the file may not be the scanned one."""
        path = os.path.join(self._root, file.path)  # noqa: PTH118 - one join of checked parts
        real = self._resolve(path)
        self._check_status(path, os.lstat(real))
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(path, error) from error
        with open(descriptor, "rb", buffering=0) as opened:  # noqa: PTH123 - by descriptor
            status = os.fstat(descriptor)
            self._check_status(path, status)
            content = opened.read(status.st_size + 1)
        if len(content) != status.st_size:
            why = "it changed while it was read"
            raise self._refused(path, "unreadable", "cannot be read", why, "try again when it is written")
        return content

    def write(self, environment: str, address: str, content: bytes | None) -> str:
        """Write a component's file, or remove it where content is None; its path, relative to the root."""
        component_type, nickname, _ = ids.Address.parse(address)
        folder = Path(self._top, ids.check_environment(environment), component_type, nickname)
        path = folder / CONFIG_FILE
        real = Path(os.path.realpath(path))
        if not _is_inside(str(real), self._top):
            why = "a symbolic link leads out of the directory of configs"
            raise self._refused(str(path), "outside-root", "is not written", why, "put the file itself there")
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                real.write_bytes(content)
        except OSError as error:
            raise self._unreadable(str(path), error) from error
        return self._shown(str(path))

    def _scan(self, top: str, refuse: Refuse) -> Iterator[ConfigFile]:
        if not self._stays_inside(top, refuse):
            return
        now = time.time_ns()
        types = self._list(top, refuse)
        self._report_twins(types, refuse)
        # With the slash, the order of types is the order of addresses: a-b/x comes before a/x.
        for entry in sorted(types, key=lambda entry: entry.name + "/"):
            if entry.name.startswith("."):
                continue  # .git, .terraform and the like are nobody's components
            if not ids.TYPE.match(entry.name):
                refuse(self._bad_name(entry.path, "component type"))
            else:
                yield from self._scan_type(entry, now, refuse)

    def _scan_type(self, folder: _Folder, now: int, refuse: Refuse) -> Iterator[ConfigFile]:
        component_type = folder.name
        offset = len(self._root) + 1
        components = self._list(folder.path, refuse)
        self._report_twins(components, refuse)
        components.sort()
        for nickname, path in components:
            file = f"{path}/{CONFIG_FILE}"
            status = self._status(file, refuse)
            if status is None:
                continue
            if not ids.NICKNAME.match(nickname):
                refuse(self._bad_name(path, "nickname"))
                continue
            yield ConfigFile(
                address=f"{component_type}/{nickname}", path=file[offset:], stamp=_stamp(status, now)
            )

    def _list(self, path: str, refuse: Refuse) -> list[_Folder]:
        """The directories in a directory; links to directories are judged by where they lead."""
        try:
            return [
                _Folder(entry.name, entry.path)
                for entry in _entries(path)
                if entry.is_dir(follow_symlinks=False) or self._leads_to_directory(entry, refuse)
            ]
        except OSError as error:
            refuse(self._unreadable(path, error))
            return []

    def _status(self, path: str, refuse: Refuse) -> os.stat_result | None:
        """The file's status; None where there is no config or it is refused."""
        try:
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
                return status
            if stat.S_ISLNK(status.st_mode):
                status = os.lstat(self._resolve(path))
            self._check_status(path, status)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except BadInput as refused:
            refuse(refused)
            return None
        except OSError as error:
            refuse(self._unreadable(path, error))
            return None
        return status

    def _leads_to_directory(self, entry: os.DirEntry[str], refuse: Refuse) -> bool:
        if not entry.is_symlink() or (Path(entry.path).exists() and not entry.is_dir()):
            return False  # a file beside the components, linked or not
        return self._stays_inside(entry.path, refuse)

    def _stays_inside(self, path: str, refuse: Refuse) -> bool:
        try:
            self._resolve(path)
        except BadInput as refused:
            refuse(refused)
            return False
        return True

    def _resolve(self, path: str) -> str:
        """Resolve a path's links; BadInput unless the target exists below the directory of configs."""
        try:
            real = os.path.realpath(path, strict=True)
        except OSError as error:
            why = "a symbolic link leads nowhere" if os.path.lexists(path) else "it does not exist"
            next_step = "correct the link, or remove it"
            raise self._refused(path, "broken-link", "cannot be followed", why, next_step) from error
        if not _is_inside(real, self._top):
            why = "a symbolic link on the way leads out of the directory of configs"
            raise self._refused(path, "outside-root", "is not read", why, "put the file itself there")
        return real

    def _check_status(self, path: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            why = f"it is {_kind(status.st_mode)}"
            raise self._refused(path, "not-a-file", "is not a regular file", why, "put a JSON file there")
        if status.st_size > MAX_BYTES:
            raise self._too_large(path, status.st_size)

    def _report_twins(self, folders: list[_Folder], refuse: Refuse) -> None:
        """Report names that differ only by case or Unicode form, which some tools take for one."""
        if len({entry.name.lower() for entry in folders}) == len(folders) and all(
            entry.name.isascii() for entry in folders
        ):
            return
        same: dict[str, list[_Folder]] = {}
        for entry in sorted(folders):
            same.setdefault(unicodedata.normalize("NFKC", entry.name).casefold(), []).append(entry)
        for first, *others in same.values():
            for other in others:
                why = f"it differs from {ids.shown(first.name)!r} by case or Unicode form only"
                what = "is one name twice"
                refuse(self._refused(other.path, "duplicate-address", what, why, "keep one of the two"))

    def _bad_name(self, path: str, kind: str) -> BadInput:
        pattern = (ids.TYPE if kind == "component type" else ids.NICKNAME).pattern
        why = f"a {kind} matches {pattern.removesuffix(chr(92) + 'Z')}"
        return self._refused(path, "invalid-name", f"has no valid {kind}", why, "rename the directory")

    def _too_large(self, path: str, size: int) -> BadInput:
        why = f"it has {size:,} bytes, more than {MAX_BYTES:,}"
        return self._refused(path, "too-large", "is too large", why, "make the config smaller")

    def _unreadable(self, path: str, error: OSError) -> BadInput:
        why = error.strerror or str(error)
        return self._refused(path, "unreadable", "cannot be read", why, "check its permissions")

    def _refused(self, path: str, code: str, what: str, why: str, next_step: str) -> BadInput:
        place = self._shown(path)
        facts = {"file": place}
        address = "/".join(os.path.relpath(path, self._top).split("/")[1:3])
        if ids.is_address(address):
            facts["address"] = address
        return BadInput(f"{place} {what}", why=why, next_step=next_step, code=code, **facts)

    def _shown(self, path: str) -> str:
        """A path relative to the root, part by part as an error may quote it."""
        return "/".join(map(ids.shown, os.path.relpath(path, self._root).split("/")))


def _stamp(status: os.stat_result, now: int) -> str:
    """Times, size and inode; never twice the same while the file may still change within one clock tick.

    Git's "racy" problem (racy-git.txt): a file read in the tick in which it was written can be written again
    without a change of its times. Such a stamp carries the time of the scan, so the file is read again.
    ctime decides, because it cannot be set back.
    """
    changed = status.st_ctime_ns
    stamp = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}-{changed}"
    if now - changed > _COARSE_TICK_NS:
        return stamp
    tick = _FINE_TICK_NS if changed % 1_000_000_000 else _COARSE_TICK_NS
    return stamp if now - changed > tick else f"{stamp}-racy-{now}"


def _entries(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")
