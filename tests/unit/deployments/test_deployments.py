"""The files of deployments/ are what the tools that read them take, and name only what there is."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import prefect.settings
import pytest
import yaml

from flows.registration import deployments
from karma_adapters.wiring.reading import OWN_VARIABLES
from karma_adapters.wiring.settings import API_PORT, Sections

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deployments/systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deployments/containers/compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image",
    "ports", "restart", "security_opt", "stop_grace_period", "user", "volumes",
}  # fmt: skip
"""Keys of the Compose specification that the file uses."""


def is_setting(variable: str) -> bool:
    """Whether a KARMA_ variable is read."""
    section, _, key = variable.removeprefix("KARMA_").lower().partition("__")
    kind = get_type_hints(Sections).get(section)
    return variable in OWN_VARIABLES or key in getattr(kind, "__struct_fields__", ())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_complete(name: str) -> None:
    """It has an image, starts again, needs only services that there are, and is only reached on loopback."""
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    assert service["image"]
    assert service["restart"] in {"unless-stopped", "no"}
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert SERVICES[other]["healthcheck"]["test"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source.startswith(("$", ".")) or source in COMPOSE["volumes"]


def test_no_secret_stands_in_the_compose_file() -> None:
    """Passwords come from outside, and their lack is said."""
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|AUTH|TOKEN|SECRET", variable):
                assert value.startswith("${"), variable
            if variable.startswith("KARMA_"):
                assert is_setting(variable), variable


def test_prefect_keeps_its_pages_where_it_may_write() -> None:
    """Its installation in the image belongs to root, and it does not run as root."""
    variables = SERVICES["prefect"]["environment"]
    assert variables["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(variables["PREFECT_HOME"] + "/")


def test_karma_runs_without_rights() -> None:
    """No capability, no new privileges, not root."""
    ours = [service for service in SERVICES.values() if service["image"] == "karma"]
    assert len(ours) == 4
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["user"].startswith("0")
        assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_commands_are_those_that_karma_has() -> None:
    """A container and a unit start what an installation has."""
    words = [service["command"][:3] for service in SERVICES.values() if service["image"] == "karma"]
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
    """Its own user, no new rights, time for Terraform to save its state, and no complaint of systemd's."""
    parsed = _read(unit)
    assert set(parsed.sections()) == {"Unit", "Service", "Install"}
    service = parsed["Service"]
    assert service["User"] == "karma"
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == "yes"
    if "api" not in unit.name:
        assert int(service["TimeoutStopSec"]) >= 60
    tool = shutil.which("systemd-analyze")
    if tool is not None:
        # The program is not installed here; an instance stands for the template.
        copy = tmp_path / unit.name.replace("@.", "@1.")
        copy.write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        )
        done = subprocess.run(
            [tool, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_the_image_has_what_a_run_needs() -> None:
    """Git, Terraform, the locked packages, and a user of its own."""
    text = (ROOT / "deployments/containers/Containerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.lock" in text
    assert "COPY --from=terraform /bin/terraform" in text
    assert "install --yes --no-install-recommends git" in text
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
        "gremlin": "8182",
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
            assert not variable.startswith("PREFECT_") or hasattr(prefect.settings, variable), variable


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
        assert arguments[name].startswith(f"${{{name}:?")
