"""Runs a program under the restrictions of a systemd unit, without systemd (Linux, libseccomp, util-linux).

    python -m tests.e2e.unit_sandbox UNIT WRITABLE… -- WORD…

Applied are, as the unit file has them: `SystemCallFilter` with `SystemCallErrorNumber`,
`SystemCallArchitectures` (the filter knows the native one alone), `RestrictAddressFamilies`,
`NoNewPrivileges`, an empty `CapabilityBoundingSet`, `UMask`, and `ProtectSystem=strict` with the writable
folders in place of `ReadWritePaths` and `StateDirectory`. Not applied: other users and what is private to a
unit (/tmp, devices).
"""

from __future__ import annotations

import configparser
import ctypes
import ctypes.util
import errno
import os
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deployments" / "systemd"
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL = 4


class _Argument(ctypes.Structure):
    """`struct scmp_arg_cmp` of libseccomp."""

    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def settings(unit: str) -> configparser.SectionProxy:
    """`[Service]` of a unit file."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(UNITS / unit, "utf-8")
    return parser["Service"]


def required() -> None:
    """Skip the test where this machine lacks the tools; fail it if KARMA_TEST_REQUIRE says so."""
    missing = [tool for tool in ("systemd-analyze", "setpriv") if shutil.which(tool) is None]
    missing += [] if ctypes.util.find_library("seccomp") else ["libseccomp"]
    if missing and "systemd" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
        pytest.fail(f"KARMA_TEST_REQUIRE asks for systemd's tools, and {missing} is missing")
    if missing:
        pytest.skip(f"the restrictions of a unit need {' and '.join(missing)}")
    probe = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--mount"]
    if subprocess.run([*probe, "true"], check=False, capture_output=True).returncode:
        pytest.skip("the restrictions of a unit need a mount namespace, which is not allowed here")


def command(unit: str, *writable: Path, words: list[str]) -> list[str]:
    """The command line that runs these words so."""
    folders = [str(folder) for folder in writable]
    return [sys.executable, "-m", "tests.e2e.unit_sandbox", unit, *folders, "--", *words]


def main() -> None:
    """Restrict this process step by step, and become the program."""
    unit, *rest = sys.argv[1:]
    place = rest.index("--")
    folders, words = rest[:place], rest[place + 1 :]
    if "_KARMA_SANDBOX" not in os.environ:
        _enter_namespace(folders)
        os.environ["_KARMA_SANDBOX"] = "1"
        lower = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        os.execvp(lower[0], [*lower, sys.executable, "-m", "tests.e2e.unit_sandbox", *sys.argv[1:]])  # noqa: S606
    del os.environ["_KARMA_SANDBOX"]
    service = settings(unit)
    os.umask(int(service["UMask"], 8))
    _load_filter(service)
    os.execvp(words[0], words)  # noqa: S606 - the words of our own test


def _enter_namespace(writable: list[str]) -> None:
    """See everything read-only but these folders, /proc, /dev and /sys, which keep what they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_mounts = 0x10000000, 0x00020000
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(new_mounts if uid == 0 else new_mounts | new_user):
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    mount = shutil.which("mount") or "mount"
    subprocess.run([mount, "--make-rprivate", "/"], check=True)
    for folder in writable:
        subprocess.run([mount, "--bind", folder, folder], check=True)
    subprocess.run([mount, "-o", "remount,bind,ro", "/"], check=True)


def _load_filter(service: configparser.SectionProxy) -> None:
    """Let the kernel refuse every system call that the unit does not allow."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    refused = _ERRNO | getattr(errno, service["SystemCallErrorNumber"])
    made = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(refused)))
    sockets = seccomp.seccomp_syscall_resolve_name(b"socket")
    for name in sorted(_calls(service["SystemCallFilter"])):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number not in {sockets, -1}:
            seccomp.seccomp_rule_add_array(made, ctypes.c_uint32(_ALLOW), number, 0, None)
    for family in service["RestrictAddressFamilies"].split():
        only = _Argument(0, _EQUAL, int(getattr(socket, family)), 0)
        seccomp.seccomp_rule_add_array(made, ctypes.c_uint32(_ALLOW), sockets, 1, ctypes.byref(only))
    if seccomp.seccomp_load(made):
        raise OSError("the filter was not loaded")


@cache
def _calls(group: str) -> frozenset[str]:
    """The system calls of a group, as this systemd defines it; groups within it are looked up, too."""
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", group], check=True, capture_output=True, text=True
    ).stdout
    calls: set[str] = {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}
    for line in said.splitlines()[1:]:
        entry = line.strip()
        if entry.startswith("@"):
            calls |= _calls(entry)
        elif entry and not entry.startswith("#"):
            calls.add(entry)
    return frozenset(calls)


if __name__ == "__main__":
    main()
