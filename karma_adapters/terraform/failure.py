"""A failed Terraform command as an error for people."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Final, TypeVar

from karma_adapters.processes.children import Finished
from karma_adapters.processes.environment import FETCHING, missing_cli_config
from karma_core.errors import DeployFailed
from karma_core.masking.masker import masker_of
from karma_core.os_errors import as_karma_error
from karma_core.records import TerraformJob

_Result = TypeVar("_Result")
LINES: Final = 20
"""Lines of the tool's output in the message. Ours: an error with its source excerpt has about ten."""
_KNOWN: Final = (
    (
        "Error acquiring the state lock",
        "state-locked",
        "wait until the other Terraform has ended; if it died, `terraform force-unlock` with the lock's id",
    ),
    (
        "errored.tfstate",
        "state-unsaved",
        "see to it that the state's place can be written, then deploy again: the state is kept, and taken up",
    ),
    ("Saved plan is stale", "stale-plan", "plan again: the state has changed since"),
    (
        "does not match the Terraform version",
        "stale-plan",
        "plan again: the plan was made by another version of Terraform",
    ),
)
"""(text in the tool's output, our code, what to do)."""
_NOT_LET_IN: Final = (
    "could not read Username",  # git, over HTTPS without credentials
    "Permission denied (publickey",  # ssh
    "Host key verification failed",  # ssh
    "Could not read from remote repository",  # git
    "Authentication failed for",  # git
    "401 Unauthorized",  # registries
    "403 Forbidden",
    "Unauthorized access",  # a registry of HCP Terraform's kind
)
"""What Git, ssh and Terraform say where a source wants to know who asks."""
INVALID_VARIABLE: Final = "invalid-variable"
"""Code of a variable whose value has another type than it wants, or breaks a validation."""
_VALUE_ADVICE: Final = "correct the value, where it comes from, or the variable"
PLANNED_INPUTS: Final = "karma_planned_inputs"
"""The child module of a plan-only copy that holds variables of the root; people know nothing of it."""
PLANNED_CONDITIONS: Final = "karma_written_conditions"
"""The output of such a copy with those validations of variables that refer to more than variables."""
_FAULT: Final = re.compile(
    r"Error: Invalid value for [a-z ]*variable$"
    r"|Error: Required variable not set$"
    rf"|Error: Module output value precondition failed\n\s*on [^\n]*{PLANNED_CONDITIONS}",
    re.MULTILINE,
)
_VARIABLE: Final = re.compile(r"\bvar\.(\w+) is ")
_LOCK: Final = re.compile(r"^\W*(ID|Operation|Who|Created):\s+(\S.*?)\s*$", re.MULTILINE)


def failed(
    address: str,
    command: str,
    ended: Finished,
    secrets: Iterable[str] = (),
    for_init: Iterable[str] = (),
) -> DeployFailed:
    """Return the error with the last lines of the tool's output, secrets masked.

    `for_init` are the variables that init got to fetch with.
    """
    output = masker_of(secrets).text(ended.err.strip() or ended.out.strip())
    tail = "\n".join(output.splitlines()[-LINES:])
    if ended.stopped:
        return _stopped(address, command, ended, tail)
    if command == "init" and any(words in output for words in _NOT_LET_IN):
        return _not_fetched(address, ended, tail, for_init)
    code, advice = _advice(command, output)
    fault = variable_fault(output)
    if fault and code == "deploy-failed":
        code, advice, tail = INVALID_VARIABLE, _VALUE_ADVICE, f"{fault}\n{tail}"
    lock = {"lock": lock_of(output)} if code == "state-locked" else {}
    return DeployFailed(
        f"terraform {command} of {address} failed (exit code {ended.code})",
        why=tail,
        next_step=advice,
        code=code,
        component=address,
        command=command,
        exit_code=ended.code,
        **lock,
    )


def _not_fetched(address: str, ended: Finished, tail: str, for_init: Iterable[str]) -> DeployFailed:
    had = ", ".join(sorted(for_init)) or "none of them"
    return DeployFailed(
        f"terraform init of {address} was not let in by Git or a registry (exit code {ended.code})",
        why=tail,
        next_step=f"init gets {', '.join(FETCHING)} of Karma's environment, and had {had}",
        code="module-not-fetched",
        component=address,
        command="init",
        exit_code=ended.code,
    )


def _advice(command: str, output: str) -> tuple[str, str]:
    """(code, what to do)."""
    missing = missing_cli_config(os.environ) if command == "init" else ""
    if missing:
        step = f"TF_CLI_CONFIG_FILE names {missing}, which is not there: correct or unset the variable"
        return "deploy-failed", step
    return next(
        ((code, advice) for text, code, advice in _KNOWN if text in output),
        ("deploy-failed", "correct the config or the module and run the command again"),
    )


def variable_fault(output: str) -> str:
    """What Terraform says of the first variable whose value it does not take, in one line; empty for none."""
    lines = [line.strip("│╷╵ ") for line in output.splitlines()]
    start = _FAULT.search("\n".join(lines))
    if start is None:
        return ""
    text = "\n".join(lines)[start.start() :].partition("\n")[2].partition("\nError: ")[0]
    paragraphs = [" ".join(one.split()) for one in text.split("\n\n") if one.strip()]
    excerpt = [one for one in paragraphs if one.startswith("on ")]
    said = [one for one in paragraphs if not one.startswith("on ")][:2]
    name = _VARIABLE.search(" ".join(excerpt)) if said and "suitable for" not in said[0] else None
    why = " ".join([*([f"var.{name[1]}:"] if name else []), *said])
    return why.replace(f"module.{PLANNED_INPUTS}.", "").replace(f"{PLANNED_INPUTS}/", "")


def _stopped(address: str, command: str, ended: Finished, tail: str) -> DeployFailed:
    """Karma ended it: because its time was over, or because Karma was stopped."""
    saving = "; it still saves its state, and the next deploy waits for that" if ended.running else ""
    if ended.late:
        return DeployFailed(
            f"terraform {command} of {address} took too long and was interrupted",
            why=tail or "it said nothing",
            next_step=f"deploy again: what was made is in the state{saving}. If it needs longer, raise "
            f"terraform.{'apply' if command == 'apply' else 'plan'}_seconds",
            code="terraform-timeout",
            component=address,
            command=command,
        )
    return DeployFailed(
        f"terraform {command} of {address} was interrupted",
        why=tail,
        next_step=f"deploy again; what had been done is found in the state{saving}",
        code="interrupted",
        component=address,
        command=command,
    )


def still_running(address: str) -> DeployFailed:
    """An apply that outlived its Karma has not ended in its time."""
    return DeployFailed(
        f"a Terraform of an earlier run still works on {address}",
        why="the Karma that started it has gone, and it has not ended since",
        next_step="wait until it has ended, then run the command again",
        code="apply-running",
        component=address,
    )


def is_local(lock: Mapping[str, str]) -> bool:
    """Whether a lock was taken on this machine, where it is known which Terraform still runs."""
    return lock.get("who", "").rpartition("@")[2] in {"", socket.gethostname()}


def crashed(address: str, command: str, ended: Finished, secrets: Iterable[str] = ()) -> DeployFailed:
    """Terraform's exit code says that it has planned, but it left no plan: its own crash exits 2 as well."""
    output = masker_of(secrets).text(ended.err.strip() or ended.out.strip())
    return DeployFailed(
        f"terraform {command} of {address} wrote no plan, although its exit code is {ended.code}",
        why="\n".join(output.splitlines()[-LINES:]) or "it printed nothing: it may have crashed",
        next_step="plan again; if it stays, report the output to the makers of Terraform or the provider",
        code="plan-missing",
        component=address,
        command=command,
        exit_code=ended.code,
    )


def for_component(method: Callable[..., _Result]) -> Callable[..., _Result]:
    """Translate what the operating system refuses in a call about a component: that component has failed.

    The method's first argument is a job or an address.
    """

    @wraps(method)
    def call(runner: object, about: TerraformJob | str, *more: object) -> _Result:
        try:
            return method(runner, about, *more)
        except OSError as error:
            address = about if isinstance(about, str) else about.address
            what = f"files of Terraform for {address} cannot be used ({method.__name__})"
            raise as_karma_error(error, what, DeployFailed) from error

    return call


def lock_of(output: str) -> dict[str, str]:
    """Parse Terraform's message about a held lock: id, operation, who, and `created` as ISO 8601."""
    lock = {name.lower(): value for name, value in _LOCK.findall(output)}
    date, _, rest = lock.get("created", "").partition(" ")
    time = rest.partition(" ")[0]
    return {**lock, "created": f"{date}T{time[:15]}+00:00"} if time else lock
