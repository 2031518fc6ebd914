"""`ports.TerraformStates`: Terraform's states as files or objects, whole, for backups.

Where the last apply of a component could not write its state, the one that was kept aside is the newest, and
a backup takes it: a restored component then has it as its state.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.aws.api import Api
from karma_adapters.local.replace_file import replace_file
from karma_adapters.terraform.s3_backend import StatePlace
from karma_adapters.terraform.work_trees import WorkTrees
from karma_core import ids
from karma_core.errors import NotFound, StoreError, StoreUnavailable

STATE: Final = "terraform.tfstate"
_PAUSES: Final = (0.01, 0.04, 0.2, 0.5, 1.0, 1.0)
"""Seconds before a state is read again that is being written. Ours: writing takes a millisecond."""


class LocalStates:
    """States in `<directory>/<type>/<nickname>/terraform.tfstate`; `trees` know those kept aside."""

    def __init__(self, directory: Path, trees: WorkTrees) -> None:
        self._directory = directory.absolute()
        self._trees = trees

    def addresses(self) -> tuple[str, ...]:
        """Components whose state file is not empty, or is locked: it may be written just now. Sorted."""
        paths = self._directory.glob(f"*/*/{STATE}")
        named = (
            f"{path.parent.parent.name}/{path.parent.name}"
            for path in paths
            if path.stat().st_size or _lock_of(path).exists()
        )
        return tuple(sorted(address for address in named if ids.is_address(address)))

    def read(self, address: str) -> bytes | None:
        """The state. Terraform empties the file before it writes: while it is locked, it is read again.

        A file that stays empty is that of a first apply: Terraform makes one to lock it.
        """
        path = self._trees.unsaved(address) or self._path(address)
        raw: bytes | None = None
        for pause in _PAUSES:
            locked = _lock_of(
                path
            ).exists()  # asked first: a writer that ends in between has written it whole
            raw = _content(path)
            if raw is None or (raw and _is_json(raw)):
                return raw
            if not locked:
                return raw or None  # damaged, and so is its copy: the component is said to be so, as before
            time.sleep(pause)
        if raw:
            raise StoreUnavailable(
                f"the state of {address} cannot be read",
                why="it has been half written for longer than a write takes, and its lock is held",
                next_step="look at what holds the lock, then try again",
                code="backup-busy",
            )
        return None

    def write(self, address: str, state: bytes) -> None:
        """Replace the state; one that was kept aside is older now, and dropped."""
        path = self._path(address)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            replace_file(path, state)
            _drop_unsaved(self._trees, address)
        except OSError as error:
            raise StoreError(
                f"the state of {address} cannot be written",
                why=error.strerror or str(error),
                next_step="check the directory, its permissions and the disk's free space",
            ) from error

    def _path(self, address: str) -> Path:
        component_type, nickname, _ = ids.Address.parse(address)
        return self._directory / component_type / nickname / STATE


class S3States:
    """States in `<prefix>/<type>/<nickname>/terraform.tfstate` of a bucket; `trees` as in LocalStates.

    `dynamodb` reaches the table of locks, where one is set: Terraform keeps a digest of each state there.
    """

    def __init__(self, api: Api, dynamodb: Api, place: StatePlace, trees: WorkTrees) -> None:
        self._api = api
        self._dynamodb = dynamodb
        self._place = place
        self._trees = trees

    def addresses(self) -> tuple[str, ...]:
        """Components whose state is an object in the bucket, sorted."""
        folder = self._key("")
        request = {"Bucket": self._place.bucket, "Prefix": folder}
        pages = self._api.pages(
            "list_objects_v2", request, by="ContinuationToken", given="NextContinuationToken"
        )
        keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
        named = (key.removeprefix(folder).removesuffix(f"/{STATE}") for key in keys if key.endswith(STATE))
        return tuple(sorted(address for address in named if ids.is_address(address)))

    def read(self, address: str) -> bytes | None:
        """The state; an object is whole at every moment."""
        unsaved = self._trees.unsaved(address)
        if unsaved is not None:
            return unsaved.read_bytes()
        try:
            return self._api.content(Bucket=self._place.bucket, Key=self._object(address))
        except NotFound:
            return None

    def write(self, address: str, state: bytes) -> None:
        """Replace the object, encrypted as Terraform would; drop one that was kept aside."""
        sealed: dict[str, str] = {"ServerSideEncryption": "AES256"}
        if self._place.kms_key_id:
            sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._place.kms_key_id}
        place = {"Bucket": self._place.bucket, "Key": self._object(address)}
        self._api.call("put_object", **place, Body=state, ContentType="application/json", **sealed)
        if self._place.lock_table:
            self._put_digest(self._object(address), state)
        _drop_unsaved(self._trees, address)

    def _put_digest(self, key: str, state: bytes) -> None:
        """Terraform refuses a state whose MD5 is not in the table (its S3 backend, `client.go`)."""
        digest = hashlib.md5(state, usedforsecurity=False).hexdigest()
        item = {"LockID": {"S": f"{self._place.bucket}/{key}-md5"}, "Digest": {"S": digest}}
        self._dynamodb.call("put_item", TableName=self._place.lock_table, Item=item)

    def _object(self, address: str) -> str:
        component_type, nickname, _ = ids.Address.parse(address)
        return self._key(f"{component_type}/{nickname}/{STATE}")

    def _key(self, below: str) -> str:
        folder = self._place.prefix.strip("/")
        return f"{folder}/{below}" if folder else below


def _lock_of(path: Path) -> Path:
    """The file that Terraform keeps beside a state while it has it locked."""
    return path.with_name(f".{path.name}.lock.info")


def _content(path: Path) -> bytes | None:
    """The file's bytes, None where there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _drop_unsaved(trees: WorkTrees, address: str) -> None:
    unsaved = trees.unsaved(address)
    if unsaved is not None:
        unsaved.unlink()


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return False
    return True
