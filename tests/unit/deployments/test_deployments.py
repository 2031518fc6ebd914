"""The files of deployments/ are what the tools that read them take, and name only what there is."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import prefect.settings
import pytest
import yaml

from flows.process_worker import ASK_SECONDS, STOP_SECONDS
from flows.registration import deployments
from flows.server import RUN_SETTINGS
from karma_adapters.processes.children import LAST_SECONDS, MARGIN_SECONDS
from karma_adapters.processes.signs_of_life import BEAT_SECONDS
from karma_adapters.wiring.reading import OWN_VARIABLES, variables
from karma_adapters.wiring.settings import API_PORT, Sections, TerraformSettings
from karma_core import documents

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deployments/systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deployments/containers/compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
SERVICE_KEYS = {
    "build", "cap_add", "cap_drop", "command", "cpus", "depends_on", "entrypoint", "env_file", "environment",
    "healthcheck", "image", "init", "mem_limit", "networks", "pids_limit", "ports", "profiles", "read_only",
    "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "user", "volumes",
}  # fmt: skip
"""Keys of the Compose specification that the file uses."""


KARMA_OF_COMPOSE = {"KARMA_PROJECT", "KARMA_UID", "KARMA_GID", "KARMA_VERSION", "KARMA_GREMLIN_DATA"}
"""Variables that the compose file itself reads."""
PREFECTS_OWN = {"PREFECT_SERVER_DATABASE_PASSWORD_FILE"}
"""Variables that `flows.prefect_server` reads beside Prefect's."""


def is_setting(variable: str) -> bool:
    """Whether a KARMA_ variable is read: a setting, or the file of a secret one."""
    if variable in OWN_VARIABLES:
        return True
    value = str(ROOT / "LICENSE") if variable.endswith("_FILE") else "0"
    try:
        documents.read(Sections, variables({variable: value}), strict=False)
    except documents.Faults as error:
        return "there is no such key" not in error.summary(whole="")
    return True


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_complete(name: str) -> None:
    """It has an image, starts again, needs only services that there are, and is only reached on loopback."""
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    assert service["image"]
    assert service["restart"] in {"unless-stopped", "no"}
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert SERVICES[other]["healthcheck"]["test"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source.startswith(("$", ".")) or source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_and_writes_where_it_must(name: str) -> None:
    """Memory, processors and processes are bounded, the root is read-only, no capability and no new rights.

    PostgreSQL begins as root and gives that up.
    """
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert service["cpus"] > 0
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", ())) <= ({"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"})
    assert ("cap_add" in service) == (name == "postgres")
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_everything_that_goes_on_has_a_health_check() -> None:
    """All but the registration, which ends."""
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"register"}


def test_the_gremlin_server_is_started_where_it_is_wanted_and_reached_by_whom_it_serves() -> None:
    """By its profile; on a network without a way out, on which the API and the workers are; not published."""
    gremlin = SERVICES["gremlin"]
    assert gremlin["profiles"] == ["gremlin"]
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["gremlin"]
    assert COMPOSE["networks"]["graph"] == COMPOSE["networks"]["database"] == {"internal": True}
    on_it = {name for name, service in SERVICES.items() if "graph" in service["networks"]}
    assert on_it == {"gremlin", "api", "worker"}
    assert {n for n, s in SERVICES.items() if "database" in s["networks"]} == {"postgres", "prefect"}
    assert "ports" not in gremlin
    assert gremlin["environment"]["KEEP"]
    script = gremlin["entrypoint"][1].removeprefix("/setup/")
    assert (ROOT / "deployments/gremlin-server" / script).is_file()
    assert any(volume.endswith(f":{gremlin['entrypoint'][3]}") for volume in gremlin["volumes"])


def test_no_secret_stands_in_the_compose_file() -> None:
    """Passwords are in files of their own, which only those who need them get."""
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|AUTH|TOKEN|SECRET", variable):
                assert variable.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert {secret["file"].split("/")[0] for secret in COMPOSE["secrets"].values()} == {"secrets"}
    assert "deployments/containers/secrets/" in (ROOT / ".gitignore").read_text("utf-8")
    assert "deployments/containers/secrets" in _lines("deployments/containers/Containerfile.dockerignore")


def _lines(path: str) -> list[str]:
    return (ROOT / path).read_text("utf-8").splitlines()


PLACES = [
    "deployments/containers/compose.yaml",
    "deployments/containers/Containerfile",
    *(f"deployments/systemd/{unit.name}" for unit in UNITS),
    # Functions have variables of their own, which the tests of the packages know.
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "serverless"),
    "README.md",
]


@pytest.mark.parametrize("place", PLACES)
def test_every_variable_that_is_named_is_read(place: str) -> None:
    """By the settings, by the compose file, or by Prefect: one that nobody reads would have no effect."""
    text = (ROOT / place).read_text("utf-8")
    for variable in sorted(set(re.findall(r"\b(?:KARMA|PREFECT)_[A-Z0-9_]*[A-Z0-9]\b(?!<)", text))):
        if variable.startswith(("KARMA_TEST", "KARMA_SOAK")):
            continue
        if variable.startswith("KARMA_"):
            assert variable in KARMA_OF_COMPOSE or is_setting(variable), variable
        elif variable not in COMPOSE_DIGESTS:
            assert variable in PREFECTS_OWN or hasattr(prefect.settings, variable), variable


COMPOSE_DIGESTS = set(re.findall(r"\b\w+_DIGEST\b", " ".join(_lines("deployments/containers/compose.yaml"))))


def test_what_the_docs_say_of_the_compose_file_s_variables_is_so() -> None:
    """Each is used in the file; those that a person must set are said to be so where they lack."""
    text = "\n".join(_lines("deployments/containers/compose.yaml"))
    used = set(re.findall(r"\$\{(\w+)", text))
    page = (ROOT / "docs/service.md").read_text("utf-8")
    assert used - COMPOSE_DIGESTS == KARMA_OF_COMPOSE | {"PREFECT_UI_URL", "KARMA_API__PUBLIC_URL"}
    for variable in used - COMPOSE_DIGESTS:
        assert f"`{variable}`" in page, variable


def test_prefect_keeps_its_pages_where_it_may_write() -> None:
    """Its installation in the image belongs to root, and it does not run as root."""
    variables = SERVICES["prefect"]["environment"]
    assert variables["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(variables["PREFECT_HOME"] + "/")


def test_karma_runs_without_rights() -> None:
    """As the image's user: with the number of the project's owner, and in passwd, which SSH needs."""
    ours = [service for service in SERVICES.values() if "build" in service]
    assert len(ours) == 4
    for service in ours:
        assert "user" not in service
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["build"]["args"]["KARMA_UID"] == "${KARMA_UID:-10001}"
    image = (ROOT / "deployments/containers/Containerfile").read_text("utf-8")
    assert "useradd --create-home --uid ${KARMA_UID} --gid ${KARMA_GID} karma" in image


def test_commands_are_those_that_karma_has() -> None:
    """A container and a unit start what an installation has."""
    words = [service["command"][:3] for service in SERVICES.values() if "build" in service]
    words += [_start(unit).replace("/opt/karma/bin/", "").split()[:3] for unit in UNITS]
    for program, *rest in words:
        if program == "python":
            assert rest[0] == "-m"
            path = ROOT.joinpath(*rest[1].split("."))
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
        else:
            assert program in {*SCRIPTS, "prefect"}


def _read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(unit, "utf-8")
    return parser


def _start(unit: Path) -> str:
    return _read(unit)["Service"]["ExecStart"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_unit_is_what_systemd_takes(unit: Path, tmp_path: Path) -> None:
    """Its own user, no new rights, bounds, and no complaint of systemd's."""
    parsed = _read(unit)
    assert set(parsed.sections()) == {"Unit", "Service", "Install"}
    service = parsed["Service"]
    assert service["User"] == "karma"
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == "yes"
    assert service["MemoryMax"]
    assert int(service["TasksMax"]) > 0
    # Else Karma would not know that the machine was started anew since an apply.
    assert "ProcSubset" not in service
    tool = shutil.which("systemd-analyze")
    if tool is not None:
        # The program is not installed here; an instance stands for the template.
        copy = tmp_path / unit.name.replace("@.", "@1.")
        copy.write_text(re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE))
        done = _analyzed(tool, "verify", "--man=no", str(copy))
        assert (done.returncode, done.stderr) == (0, "")
        exposure = re.search(r"exposure level for \S+: ([\d.]+)", _analyzed(tool, *OFFLINE, str(copy)).stdout)
        assert exposure is not None
        assert float(exposure[1]) <= MOST_EXPOSED


OFFLINE = ("security", "--offline=true", "--no-pager")
MOST_EXPOSED = 3.0


def _analyzed(tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_unit_without_its_secrets_does_not_start(unit: Path) -> None:
    """A credential, and a file of variables, that is missing is an error, where one is needed to work at all.

    `karma up` makes the password of its Prefect server itself.
    """
    service = _read(unit)["Service"]
    if unit.name == "karma.service":
        assert "LoadCredential" not in service
        return
    name, _, path = service["LoadCredential"].partition(":")
    assert path.startswith("/etc/karma/")
    assert f"_FILE=%d/{name}\n" in unit.read_text("utf-8")
    assert not service["EnvironmentFile"].startswith("-")


LEAST_SECONDS = STOP_SECONDS + ASK_SECONDS + LAST_SECONDS + MARGIN_SECONDS + TerraformSettings().save_seconds
"""From the signal to the end of a worker whose Terraform takes all of its time to save."""


def test_who_applies_has_time_to_end_and_takes_nobody_along() -> None:
    """Neither systemd nor Docker kills a Terraform that saves its state."""
    for unit in UNITS:
        service = _read(unit)["Service"]
        if "api" in unit.name:
            assert int(service["TimeoutStopSec"]) >= 5
            continue
        assert int(service["TimeoutStopSec"]) >= LEAST_SECONDS
        assert (service["KillMode"], service["OOMPolicy"]) == ("process", "continue")
        waits = service.get("ExecStopPost", "") + service["ExecStart"]
        assert "flows.until_saved" in waits or "--until-saved" in waits
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) >= LEAST_SECONDS
    assert "--until-saved" in SERVICES["worker"]["command"]


def test_a_worker_shows_more_often_that_it_lives_than_is_asked() -> None:
    """To systemd's watchdog, and to the container's health check."""
    for unit in UNITS:
        service = _read(unit)["Service"]
        if service["Type"] == "notify":
            assert int(service["WatchdogSec"]) >= 3 * BEAT_SECONDS
    *_, file, seconds = SERVICES["worker"]["healthcheck"]["test"]
    assert file in SERVICES["worker"]["command"]
    assert float(seconds) >= 10 * float(RUN_SETTINGS["PREFECT_WORKER_QUERY_SECONDS"])


def test_the_image_has_what_a_run_needs() -> None:
    """Git, Terraform, the locked packages, and a user of its own."""
    text = (ROOT / "deployments/containers/Containerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.lock" in text
    assert "COPY --from=terraform /bin/terraform" in text
    assert "install --yes --no-install-recommends git openssh-client" in text
    assert re.search(r"^USER karma$", text, re.MULTILINE)
    assert "STOPSIGNAL SIGINT" in text


def test_every_deployment_of_prefect_yaml_has_its_flow() -> None:
    """Named as the flow is, so that a run is started by the flow's name alone."""
    for body in deployments():
        file, _, function = body["entrypoint"].partition(":")
        source = (ROOT / file).read_text("utf-8")
        assert re.search(rf"^def {function}\(", source, re.MULTILINE)
        assert f'name="{body["name"]}"' in source
        assert body["description"]
        assert "karma" in body["tags"]


def test_ports_are_those_that_the_services_listen_on() -> None:
    """What is published is what the command or the setting says; addresses name a service and its port."""
    listening = {
        "api": SERVICES["api"]["environment"]["KARMA_API__PORT"],
        "prefect": SERVICES["prefect"]["command"][-1],
        "postgres": "5432",
        "gremlin": SERVICES["gremlin"]["entrypoint"][-1],
    }
    for name, service in SERVICES.items():
        for published in service.get("ports", []):
            assert published.rpartition(":")[2] == listening[name]
        for variable, value in service.get("environment", {}).items():
            for host, port in re.findall(r"(?:://|@)([a-z0-9.]+):(\d+)", str(value)):
                if host != "127.0.0.1":
                    assert listening[host] == port, (name, variable)
        probed = re.search(r"127\.0\.0\.1[: ](\d+)", str(service.get("healthcheck", {}).get("test", "")))
        assert probed is None or probed[1] == listening[name]
    assert int(listening["api"]) == API_PORT


def test_prefects_variables_are_settings_of_prefect() -> None:
    """A mistyped one would be ignored without a word."""
    for service in SERVICES.values():
        for variable in service.get("environment", {}):
            if variable.startswith("PREFECT_") and variable not in PREFECTS_OWN:
                assert hasattr(prefect.settings, variable), variable


INSTRUCTIONS = {"ARG", "FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "STOPSIGNAL", "CMD"}
"""Of the Dockerfile reference, those that the file uses."""


def test_the_container_file_is_whole() -> None:
    """Every line is an instruction, stages and arguments are declared before they are used, files exist."""
    text = (ROOT / "deployments/containers/Containerfile").read_text("utf-8")
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line and not line.startswith("#")]
    stages: set[str] = set()
    arguments: set[str] = set()
    for line in lines:
        instruction, _, rest = line.partition(" ")
        assert instruction in INSTRUCTIONS
        if instruction == "ARG":
            arguments.add(rest.partition("=")[0])
        elif instruction == "FROM":
            assert set(re.findall(r"\$\{(\w+)\}", rest)) <= arguments
            stages |= set(re.findall(r" AS (\w+)$", rest))
        elif instruction == "COPY":
            stage = re.match(r"--from=(\w+) ", rest)
            source = rest.split()[0]
            assert stage[1] in stages if stage else (ROOT / source).exists()
        elif instruction == "CMD":
            assert json.loads(rest)[0] in SCRIPTS


def test_images_are_named_by_digest() -> None:
    """A tag can be moved; a digest has to be given for every image, and one script looks all up."""
    containers = ROOT / "deployments/containers"
    images = re.findall(r"^FROM (\S+)", (containers / "Containerfile").read_text("utf-8"), re.MULTILINE)
    images += [service["image"] for service in SERVICES.values() if "build" not in service]
    script = (containers / "digests.sh").read_text("utf-8")
    for image in images:
        name, _, digest = image.partition("@")
        variable = re.match(r"\$\{(\w+_DIGEST)", digest)
        assert variable is not None, image
        assert f'"{variable[1]} {name}:' in script
    arguments = SERVICES["api"]["build"]["args"]
    for name in re.findall(r"^ARG (\w+)", (containers / "Containerfile").read_text("utf-8"), re.MULTILINE):
        assert arguments[name].startswith(f"${{{name}:?") == name.endswith("_DIGEST")


def test_what_the_docs_put_into_job_templates_is_what_prefect_takes() -> None:
    """Names of variables in the table of work pools are properties of the type's own template."""
    folder = Path(prefect.__file__).parent / "server/api/collections_data/views"
    metadata = json.loads((folder / "aggregate-worker-metadata.json").read_text("utf-8"))
    types = {kind: worker for workers in metadata.values() for kind, worker in workers.items()}
    page = (ROOT / "docs/service.md").read_text("utf-8")
    rows = re.findall(r"^\| `(docker|ecs|kubernetes)` \|(.*)$", page, re.MULTILINE)
    assert len(rows) == 3
    for kind, row in rows:
        offered = types[kind]["default_base_job_configuration"]["variables"]["properties"]
        named = set(re.findall(r"`([a-z_]+)(?:[:`])", row)) - {"secrets", "stop_timeout"}
        assert {"image"} < named <= offered.keys(), kind
