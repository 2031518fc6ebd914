"""What only a real Terraform can show: processes, files, environment, failures."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from karma_adapters.processes import children
from karma_adapters.terraform.apply_records import ApplyRecords
from karma_adapters.terraform.backend import OVERRIDE
from karma_adapters.terraform.runner_options import Seconds
from karma_core.errors import DeployFailed
from tests.terraform_system import System, make_system

CANARY = "canary-5d1e8"
SLEEPER = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo $$ > ${path.module}/../../pid; sleep 300; true"
  }
}
"""


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system on the real binary."""
    return make_system(tmp_path)


def _deploy(system: System, address: str, **variables: object) -> dict[str, object]:
    job = system.job(address, **variables)
    return system.terraform.apply(job, system.terraform.plan(job)).values


def _files(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_child_modules_keep_their_relative_places(system: System) -> None:
    """A module calls another below the same root, and a module of its own, from the staged copy."""
    system.write("shared/main.tf", 'output "word" {\n  value = file("${path.module}/word.txt")\n}\n')
    system.write("shared/word.txt", "hello")
    system.write("site/inner/main.tf", 'output "n" {\n  value = 1\n}\n')
    system.write(
        "site/main.tf",
        'module "a" {\n  source = "../shared"\n}\nmodule "b" {\n  source = "./inner"\n}\n'
        'output "runtime" {\n  value = { word = module.a.word, n = module.b.n }\n}\n',
    )
    assert _deploy(system, "site/one")["runtime"] == {"word": "hello", "n": 1}


@pytest.mark.parametrize("block", ['backend "s3" {}', 'backend "local" {\n path = "here.tfstate"\n}', ""])
def test_state_is_where_karma_says(system: System, block: str) -> None:
    """Whatever backend the module names, the local state of the component is used."""
    system.write("box/versions.tf", f"terraform {{\n{block}\n}}\n")
    _deploy(system, "box/one", config={})
    assert (system.root / "state/box/one/terraform.tfstate").is_file()
    assert stat.S_IMODE((system.root / "state").stat().st_mode) == 0o700


def test_the_users_tree_is_never_written(system: System) -> None:
    """Init, plan and apply leave no file beside the module."""
    before = _files(system.root / "components")
    _deploy(system, "box/one", config={})
    assert _files(system.root / "components") == before


def test_the_environment_cannot_change_a_command(tmp_path: Path) -> None:
    """TF_CLI_ARGS_plan=-destroy and TF_VAR_config are not passed on."""
    hostile = {
        **os.environ,
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_VAR_config": "{}",
        "TF_DATA_DIR": "/dev/null",
    }
    system = make_system(tmp_path, environment=hostile)
    _deploy(system, "box/one", config={"n": 1})
    assert system.terraform.plan(system.job("box/one", config={"n": 1})).action == "no-op"


def test_private_files_are_private_and_do_not_stay(system: System) -> None:
    """The plan is 0600 in directories of 0700, the variables are gone after the plan, all after the apply."""
    job = system.job("box/one", config={"secret": CANARY})
    plan = system.terraform.plan(job)
    folder = system.root / "terraform/private" / plan.saved
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {
        "plan": 0o600,
        "secrets.json": 0o600,
    }
    system.terraform.apply(job, plan)
    assert _files(system.root / "terraform/private") == {}


def test_a_failed_apply_names_the_cause_without_secrets(system: System) -> None:
    """The error has component, command, code and the tool's last lines; the sensitive value is masked."""
    system.write(
        "bad/main.tf",
        'variable "password" {\n  sensitive = true\n}\n'
        'resource "terraform_data" "a" {\n  input = var.password\n  lifecycle {\n    postcondition {\n'
        '      condition     = self.id == ""\n'
        '      error_message = "refused ${nonsensitive(var.password)}"\n    }\n  }\n}\n',
    )
    job = system.job("bad/one", password=CANARY)
    plan = system.terraform.plan(job)
    with pytest.raises(DeployFailed) as caught:
        system.terraform.apply(job, plan)
    error = caught.value
    assert (error.facts["component"], error.facts["command"], error.facts["exit_code"]) == (
        "bad/one",
        "apply",
        1,
    )
    assert "refused (sensitive)" in error.why
    assert CANARY not in str(error.document())


def test_a_failed_plan_leaves_no_secret(system: System) -> None:
    """Where there is no plan yet, the sensitive variables are what is taken out; no private file stays."""
    system.write(
        "bad/main.tf",
        'variable "password" {\n  sensitive = true\n}\n'
        'output "o" {\n  value = 1\n  precondition {\n    condition     = var.password == ""\n'
        '    error_message = "refused ${nonsensitive(var.password)}"\n  }\n}\n',
    )
    with pytest.raises(DeployFailed) as caught:
        system.terraform.plan(system.job("bad/one", password=CANARY))
    assert "refused (sensitive)" in caught.value.why
    assert CANARY not in str(caught.value.document())
    assert _files(system.root / "terraform/private") == {}


def _ledger(root: Path) -> Path:
    """A stand-in binary that writes down each call and then runs the real one."""
    path = root / "ledger-terraform"
    path.write_text(f'#!/bin/sh\necho "$1" >> {root}/calls\nexec terraform "$@"\n')
    path.chmod(0o755)
    return path


def _calls(root: Path) -> list[str]:
    path = root / "calls"
    calls = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return calls


def test_init_version_and_validate_run_only_when_something_changed(tmp_path: Path) -> None:
    """Init is skipped until the module changes or the data directory is lost, across processes too.

    A module is validated when it is new, and never again.
    """
    program = str(_ledger(tmp_path))
    system = make_system(tmp_path, program)
    _deploy(system, "box/one", config={})
    assert _calls(tmp_path) == ["version", "init", "validate", "plan", "show", "apply"]

    system = make_system(tmp_path, program)
    system.terraform.plan(system.job("box/one", config={}))
    assert _calls(tmp_path) == ["plan", "show"]

    system.write("box/more.tf", "locals {\n  a = 1\n}\n")
    system.terraform.plan(system.job("box/one", config={}))
    assert _calls(tmp_path) == ["init", "validate", "plan", "show"]

    subprocess.run(["rm", "-r", str(tmp_path / "terraform/data")], check=True)
    system.terraform.plan(system.job("box/one", config={}))
    assert _calls(tmp_path) == ["init", "plan", "show"]


def test_lost_archive_is_made_again(system: System) -> None:
    """The staged copy with its override can be deleted at any time."""
    _deploy(system, "box/one", config={})
    subprocess.run(["rm", "-r", str(system.root / "archive")], check=True)
    assert system.terraform.plan(system.job("box/one", config={})).action == "no-op"


def test_a_project_can_be_moved(tmp_path: Path) -> None:
    """States are found under the project's new path."""
    _deploy(make_system(tmp_path / "old"), "box/one", config={})
    (tmp_path / "old").rename(tmp_path / "new")
    system = make_system(tmp_path / "new")
    assert system.terraform.plan(system.job("box/one", config={})).action == "no-op"


@pytest.mark.parametrize("wanted", ["terraform", "embedded"])
def test_eight_cold_inits_at_once(tmp_path: Path, wanted: str) -> None:
    """Components of one module, and of different ones, start together."""
    system = make_system(tmp_path, wanted)
    for name in ("boy", "bob", "bot"):
        system.write(f"{name}/main.tf", (system.root / "components/box/main.tf").read_text())
    addresses = [f"{name}/c{n}" for name in ("box", "boy", "bob", "bot") for n in range(2)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda a: _deploy(system, a, config={"a": a}), addresses))
    assert [r["runtime"]["a"] for r in results] == addresses  # type: ignore[index]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def _wait(condition: object, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def _group(pid: int) -> list[int]:
    """Living processes of a process's group."""
    group = os.getpgid(pid)
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _alive(int(entry.name)):
            try:
                if os.getpgid(int(entry.name)) == group:
                    members.append(int(entry.name))
            except ProcessLookupError:
                continue
    return members


CHILD = """
import sys
from pathlib import Path
from tests.terraform_system import make_system
system = make_system(Path(sys.argv[1]), sys.argv[2], grace_seconds=5)
job = system.job("slow/one")
system.terraform.apply(job, system.terraform.plan(job))
"""


@pytest.mark.parametrize("wanted", ["terraform", "embedded"])
def test_terraform_ends_with_a_killed_karma(tmp_path: Path, wanted: str) -> None:
    """After kill -9 of Karma neither Terraform nor its provisioner runs on, and the state is not locked."""
    system = make_system(tmp_path, wanted)
    system.write("slow/main.tf", SLEEPER)
    karma = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), wanted])
    try:
        assert _wait(lambda: list(tmp_path.glob("terraform/work/*/*/*/pid")))
        [mark] = tmp_path.glob("terraform/work/*/*/*/pid")
        assert _wait(lambda: mark.read_text().strip())
        members = _group(int(mark.read_text()))
        assert len(members) >= 4
    finally:
        karma.kill()
        karma.wait()
    assert _wait(lambda: not any(_alive(pid) for pid in members), 15)
    system.write("slow/main.tf", 'resource "terraform_data" "slow" {\n}\n')
    assert _deploy(system, "slow/one") == {}


def test_stop_ends_what_runs_and_starts_nothing_more(system: System) -> None:
    """`stop` interrupts the running apply, whose error says so, and refuses further commands."""
    system.write("slow/main.tf", SLEEPER)
    job = system.job("slow/one")
    plan = system.terraform.plan(job)
    errors: list[DeployFailed] = []

    def apply() -> None:
        try:
            system.terraform.apply(job, plan)
        except DeployFailed as error:
            errors.append(error)

    thread = threading.Thread(target=apply)
    thread.start()
    assert _wait(lambda: list(system.root.glob("terraform/work/*/*/*/pid")))
    begun = time.monotonic()
    system.terraform.stop()
    thread.join(10)
    assert time.monotonic() - begun < 10
    assert [error.code for error in errors] == ["interrupted"]
    with pytest.raises(DeployFailed) as caught:
        system.terraform.plan(job)
    assert caught.value.code == "interrupted"


@pytest.mark.parametrize("wanted", ["terraform", "embedded"])
def test_an_apply_that_takes_too_long_is_interrupted_and_saves(
    tmp_path: Path, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said that it runs; when its time is over it saves what it made, tainted, and can be replaced."""
    monkeypatch.setattr(children, "BEAT_SECONDS", 1.0)
    said: list[tuple[str, dict[str, Any]]] = []
    seconds = Seconds(apply=4, save=20)
    system = make_system(tmp_path, wanted, seconds=seconds, say=lambda *one: said.append(one))
    system.write("slow/main.tf", SLEEPER)
    job = system.job("slow/one")
    plan = system.terraform.plan(job)
    said.clear()
    with pytest.raises(DeployFailed) as caught:
        system.terraform.apply(job, plan)
    assert caught.value.code == "terraform-timeout"
    assert "terraform.apply_seconds" in caught.value.next_step
    assert ("working", {"address": "slow/one", "command": "apply", "seconds": 1}) in said
    assert [r.action for r in system.terraform.plan(job).resources] == ["replace"]
    assert list((tmp_path / "terraform/applies").iterdir()) == []


def test_an_interrupted_main_thread_lets_terraform_end(tmp_path: Path) -> None:
    """Ctrl-C in Karma alone (its group is not Terraform's) ends Terraform and its provisioner."""
    system = make_system(tmp_path)
    system.write("slow/main.tf", SLEEPER)
    karma = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), ""], stderr=subprocess.PIPE)
    assert _wait(lambda: list(tmp_path.glob("terraform/work/*/*/*/pid")))
    [mark] = tmp_path.glob("terraform/work/*/*/*/pid")
    assert _wait(lambda: mark.read_text().strip())
    karma.send_signal(signal.SIGINT)
    _, err = karma.communicate(timeout=20)
    assert b"KeyboardInterrupt" in err
    assert not _alive(int(mark.read_text()))


def test_init_alone_gets_what_git_asks_for(tmp_path: Path) -> None:
    """A module's source over SSH, by the user's command; a provisioner of the apply sees nothing of it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "main.tf").write_text('output "word" {\n  value = "hello"\n}\n', "utf-8")
    for words in ("init -q", "add -A", "-c user.name=a -c user.email=a@example.org commit -qm x"):
        subprocess.run(["git", *words.split()], cwd=shared, check=True)
    ssh = tmp_path / "ssh"
    ssh.write_text(
        '#!/bin/sh\nwhile [ "$1" != git@git.example.org ]; do shift; done\nshift\nexec sh -c "$*"\n'
    )
    ssh.chmod(0o700)
    module = f"""
module "shared" {{
  source = "git::ssh://git@git.example.org{shared}"
}}
resource "terraform_data" "seen" {{
  provisioner "local-exec" {{
    command = "env > {tmp_path}/seen"
  }}
}}
output "word" {{
  value = module.shared.word
}}
"""
    given = {"GIT_SSH_COMMAND": str(ssh), "TF_TOKEN_app_example_id": "t0p-secret", "SSH_AUTH_SOCK": "/none"}
    system = make_system(tmp_path, environment={**os.environ, **given}, allowed_sources=["git::ssh://*"])
    system.write("site/main.tf", module)
    assert _deploy(system, "site/one")["word"] == "hello"
    seen = (tmp_path / "seen").read_text("utf-8")
    assert "PATH=" in seen
    assert [name for name in given if name in seen] == []


def test_what_init_was_given_is_named_where_git_is_not_let_in(tmp_path: Path) -> None:
    """The person is told which variables count, and which of them there were."""
    refusing = tmp_path / "ssh"
    refusing.write_text(
        "#!/bin/sh\necho 'git@git.example.org: Permission denied (publickey).' >&2\nexit 255\n"
    )
    refusing.chmod(0o700)
    system = make_system(
        tmp_path,
        environment={**os.environ, "GIT_SSH_COMMAND": str(refusing)},
        allowed_sources=["git::ssh://*"],
    )
    system.write("site/main.tf", 'module "shared" {\n  source = "git::ssh://git@git.example.org/x"\n}\n')
    with pytest.raises(DeployFailed, match="init") as raised:
        system.terraform.plan(system.job("site/one"))
    assert raised.value.code == "module-not-fetched"
    assert raised.value.next_step.endswith("and had GIT_SSH_COMMAND")


ASKS = """
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "script" {
  triggers_replace = abspath("${path.module}/run.sh")
}
resource "terraform_data" "root" {
  input = [path.cwd, abspath(path.root)]
}
resource "terraform_data" "reads" {
  input = var.dependencies
}
"""


def test_where_a_module_runs_does_not_change(system: System) -> None:
    """Another version, a plan with unknown inputs, a refresh, a destroy: all of them see the same paths."""
    system.write("site/main.tf", ASKS)
    first = system.terraform.plan(system.job("site/one"))
    assert first.machine_paths == ("terraform_data.root", "terraform_data.script")
    _deploy(system, "site/one", dependencies={"vpc/core": {"id": "v-1"}})
    system.write("site/main.tf", ASKS + "# another version\n")
    system.write("site/more.tf", "# a file that the first version does not have\n")
    after = system.job("site/one", dependencies={"vpc/core": {"id": "v-1"}})
    assert system.terraform.plan(after).action == "no-op"
    unknown = replace(after, unknown={"dependencies": {"vpc/core": {"id": True}}})
    planned = system.terraform.plan(unknown)
    assert (planned.change, planned.add, planned.destroy) == (1, 0, 0)
    assert system.terraform.plan(after).action == "no-op"
    assert system.terraform.refresh(after).resources == ()
    (system.root / "components" / "site" / "more.tf").unlink()
    _deploy(system, "site/one", dependencies={"vpc/core": {"id": "v-2"}})
    work = system.root / "terraform" / "work" / "site" / "one"
    assert {path.name for path in work.rglob("*.tf")} == {"main.tf", OVERRIDE}


def test_files_are_not_changed_under_an_apply_that_outlived_its_karma(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh with another version of the module is refused; the directory stays as the apply has it."""
    system.write("site/main.tf", ASKS)
    _deploy(system, "site/one")
    before = _files(system.root / "terraform" / "work" / "site" / "one")
    system.write("site/main.tf", ASKS + "# another version\n")
    monkeypatch.setattr(ApplyRecords, "running", lambda _self, _address: True)
    with pytest.raises(DeployFailed) as raised:
        system.terraform.refresh(system.job("site/one"))
    assert raised.value.code == "apply-running"
    assert _files(system.root / "terraform" / "work" / "site" / "one") == before
