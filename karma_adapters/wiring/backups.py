"""What a backup is taken of beside the stores, and where it goes to or comes from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from karma_adapters.aws import s3_backups
from karma_adapters.aws.api import Api
from karma_adapters.local.backup_file import BackupFile, OpenedBackup, exists
from karma_adapters.modules.archive import ModuleArchive
from karma_adapters.terraform.state_files import LocalStates, S3States
from karma_adapters.terraform.work_trees import WorkTrees
from karma_adapters.wiring.bootstrap import open_stores, state_place
from karma_adapters.wiring.settings import AwsSettings, Settings
from karma_core.errors import UsageError
from karma_core.ports import TerraformStates
from karma_core.use_cases.backup.manifest import Others


def others(settings: Settings, environment: str) -> Others:
    """Terraform's states and the archived modules of an environment."""
    aws = settings.section(environment).aws or AwsSettings()
    place = state_place(aws)
    in_bucket = [f"{environment}/log/"]
    if place.bucket == aws.bucket and place.prefix.strip("/"):
        in_bucket.append(place.prefix.strip("/") + "/")
    return Others(
        states=_states(settings, environment),
        modules=ModuleArchive(settings.state_dir / "modules"),
        no_artifacts=tuple(in_bucket),
    )


@contextmanager
def writing(settings: Settings, environment: str, to: str) -> Iterator[BackupFile]:
    """A backup to be filled in the block; at its end it is at `to`, a file or `s3://bucket/key`.

    Nothing is there after an exception. UsageError, before anything is read, where `to` can be neither.
    """
    if s3_backups.is_address(to):
        place = _object(settings, environment, to)
        with tempfile.TemporaryDirectory(prefix="karma-backup-") as folder:
            scratch = Path(folder)
            with closing(BackupFile(scratch)) as backup:
                yield backup
                backup.finish(scratch / "backup.zip")
            s3_backups.put(
                _s3(settings, environment), place, scratch / "backup.zip", _key(settings, environment)
            )
        return
    path = _file(to)
    with closing(BackupFile(path.parent)) as backup:
        yield backup
        backup.finish(path)


@contextmanager
def reading(settings: Settings, environment: str, source: str) -> Iterator[OpenedBackup]:
    """The backup at `source`, a file or `s3://bucket/key`; NotFound."""
    if not s3_backups.is_address(source):
        with closing(OpenedBackup(Path(source).absolute())) as backup:
            yield backup
        return
    with tempfile.TemporaryDirectory(prefix="karma-backup-") as folder:
        scratch = Path(folder) / "backup.zip"
        s3_backups.fetch(_s3(settings, environment), s3_backups.place_of(source), scratch)
        with closing(OpenedBackup(scratch)) as backup:
            yield backup


def _object(settings: Settings, environment: str, to: str) -> s3_backups.Place:
    """The object; among the artifacts the next backup would take it for one."""
    place = s3_backups.place_of(to)
    section = settings.section(environment)
    if place.bucket == (section.aws or AwsSettings()).bucket and place.key.startswith(f"{environment}/"):
        raise UsageError(
            f"{to} cannot be written",
            why=f"the artifacts of {environment} are kept there",
            next_step="use another bucket, or a key that does not begin with the environment's name",
        )
    return place


def _file(to: str) -> Path:
    path = Path(to).absolute()
    if path.exists():
        raise exists(to)
    if not path.parent.is_dir():
        why = f"{path.parent} is not a folder"
        raise UsageError(f"{to} cannot be written", why=why, next_step="name a file in a folder that exists")
    return path


def _states(settings: Settings, environment: str) -> TerraformStates:
    folder = settings.state_dir / environment
    section = settings.section(environment)
    trees = WorkTrees(folder / "work")
    if section.terraform_state == "s3":
        stores = open_stores(settings, environment).aws
        return S3States(stores.s3, stores.dynamodb, state_place(section.aws or AwsSettings()), trees)
    return LocalStates(folder / "tfstate", trees)


def _s3(settings: Settings, environment: str) -> Api:
    return open_stores(settings, environment).aws.s3


def _key(settings: Settings, environment: str) -> str:
    return (settings.section(environment).aws or AwsSettings()).kms_key_id
