"""Neptune's bulk loader: files in S3, a job that loads them, its status until it has ended.

The protocol is that of Neptune's data API (`StartLoaderJob`, `GetLoaderJobStatus`, `ListLoaderJobs`,
`CancelLoaderJob`: `POST`, `GET` and `DELETE` of `/loader`), signed for `neptune-db`. A job is known by the
folder that it loads from: so it can be found again where the reply to its start was lost, or its builder is
gone.

Source: Neptune User Guide, "Neptune Loader Command", "Neptune Loader Get-Status API", "Neptune loader error
and feed messages".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from karma_adapters.aws.api import Api
from karma_adapters.gremlin.bulk import LoadFailed
from karma_core.deadlines import Deadline
from karma_core.errors import KarmaError, StoreError, StoreUnavailable
from karma_core.model import Record
from karma_core.ports import Say

RUNNING: Final = frozenset({"LOAD_NOT_STARTED", "LOAD_IN_QUEUE", "LOAD_IN_PROGRESS"})
COMPLETED: Final = "LOAD_COMPLETED"
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
"""Seconds between two looks at a job, doubling. Ours: a load of 100,000 vertices takes a minute."""
ERRORS: Final = 3
"""Errors of a load that are told. Ours: the others are most often the same."""
_NO_SUCH: Final = frozenset({"BulkLoadIdNotFoundException"})


class Place(Record, frozen=True, kw_only=True):
    """Where the files are put, and who reads them: `role_arn` is attached to the cluster, and reads `folder`.

    `folder` is a prefix of keys without a slash at its end.
    """

    bucket: str
    folder: str
    region: str
    role_arn: str
    kms_key_id: str = ""


class NeptuneLoader:
    """gremlin.bulk.BulkLoader on a Neptune cluster. `data` and `starting` call it, the latter once a call."""

    def __init__(
        self,
        data: Api,
        starting: Api,
        s3: Api,
        place: Place,
        *,
        vertices: int,
        say: Say,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._data = data
        self._starting = starting
        self._s3 = s3
        self._place = place
        self._vertices = vertices
        self._say = say
        self._sleep = sleep

    @property
    def vertices(self) -> int:
        """A first graph with more components than these is loaded."""
        return self._vertices

    def put(self, stage: str, step: str, files: Iterable[bytes]) -> int:
        """Put the files into the stage's folder; LoadFailed where the bucket does not take them."""
        count = 0
        try:
            for count, body in enumerate(files, 1):
                self._put_file(f"{self._folder(stage)}/{step}/{count:05d}.csv", body)
        except KarmaError as error:
            raise _refused(error) from error
        return count

    def load(self, stage: str, step: str, until: Deadline) -> None:
        """Start the job and wait for its end; LoadFailed says what Neptune says."""
        source = f"{self._uri(stage)}{step}/"
        load_id = self._start(source)
        try:
            status = self._ended(load_id, until)
        except KarmaError:
            with suppress(KarmaError):
                self._cancel(load_id)
            raise
        if status != COMPLETED:
            raise LoadFailed(
                f"Neptune did not load the {step} of the graph",
                why=f"{status}: {self._errors(load_id)}".rstrip(": "),
                next_step="see the errors; the role gremlin_load_role has to read the bucket (and its key), "
                "and S3 has to be reachable from the cluster's network",
                load_id=load_id,
            )
        self._say("graph_load", {"step": step})

    def abandon(self, stage: str, until: Deadline) -> None:
        """Cancel every job that loads from the stage's folder, wait for their ends, delete the files."""
        for load_id in self._jobs(self._uri(stage)):
            self._cancel(load_id)
            self._ended(load_id, until)
        self._delete(self._folder(stage))

    def failed(self, error: StoreError) -> None:
        """Say it as an event of the command's progress."""
        self._say("graph_load_failed", {"why": f"{error.what}: {error.why}"})

    def _folder(self, stage: str) -> str:
        return f"{self._place.folder}/{stage}"

    def _uri(self, stage: str) -> str:
        return f"s3://{self._place.bucket}/{self._folder(stage)}/"

    def _put_file(self, key: str, body: bytes) -> None:
        kms_key = self._place.kms_key_id
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        place = {"Bucket": self._place.bucket, "Key": key}
        self._s3.call("put_object", Body=body, ContentType="text/csv", **place, **encryption)

    def _start(self, source: str) -> str:
        """The id of the new job. One whose reply was lost is found by its source."""
        try:
            answer = self._starting.call(
                "start_loader_job",
                source=source,
                format="csv",
                s3BucketRegion=self._place.region,
                iamRoleArn=self._place.role_arn,
                mode="NEW",
                failOnError=True,
                parallelism="HIGH",
                parserConfiguration={"allowEmptyStrings": "true"},
                updateSingleCardinalityProperties=False,
                queueRequest=False,
            )
        except StoreUnavailable:
            for load_id in self._jobs(source):
                return load_id
            raise
        except KarmaError as error:
            raise _refused(error) from error
        return str(answer["payload"]["loadId"])

    def _ended(self, load_id: str, until: Deadline) -> str:
        """The status in which the job has ended; StoreUnavailable where it has not by then."""
        pause = FIRST_PAUSE
        while True:
            status = self._status(load_id)
            if status not in RUNNING:
                return status
            if pause >= until.left():
                raise StoreUnavailable(
                    "Neptune did not load the graph in time",
                    why=f"the load {load_id} is {status}",
                    next_step="try again; see the load of the cluster and its capacity",
                )
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _status(self, load_id: str) -> str:
        payload = self._data.call("get_loader_job_status", loadId=load_id)["payload"]
        return str(payload["overallStatus"]["status"])

    def _errors(self, load_id: str) -> str:
        """The first errors in words; empty where none can be had."""
        with suppress(KarmaError):
            payload = self._data.call(
                "get_loader_job_status", loadId=load_id, details=True, errors=True, errorsPerPage=ERRORS
            )["payload"]
            logs = payload.get("errors", {}).get("errorLogs", ())
            return "; ".join(
                f"{log['errorCode']} {log.get('errorMessage', '')}".strip() for log in logs[:ERRORS]
            )
        return ""

    def _jobs(self, below: str) -> list[str]:
        """Ids of the jobs that are under way and load from below an address in S3."""
        ids = self._data.call("list_loader_jobs", includeQueuedLoads=True)["payload"]["loadIds"]
        return [load_id for load_id in ids if self._loads(load_id, below)]

    def _loads(self, load_id: str, below: str) -> bool:
        overall = self._data.call("get_loader_job_status", loadId=load_id)["payload"]["overallStatus"]
        return str(overall.get("fullUri", "")).startswith(below) and overall["status"] in RUNNING

    def _cancel(self, load_id: str) -> None:
        try:
            self._data.call("cancel_loader_job", loadId=load_id)
        except KarmaError as error:
            if error.facts.get("aws_code") not in _NO_SUCH:
                raise

    def _delete(self, folder: str) -> None:
        """Delete the files, as far as that is allowed: the bucket's rule deletes what stays after a day."""
        request = {"Bucket": self._place.bucket, "Prefix": f"{folder}/"}
        with suppress(KarmaError):
            pages = self._s3.pages(
                "list_objects_v2", request, by="ContinuationToken", given="NextContinuationToken"
            )
            for item in [item for page in pages for item in page.get("Contents", ())]:
                self._s3.call("delete_object", Bucket=self._place.bucket, Key=item["Key"])


def _refused(error: KarmaError) -> LoadFailed:
    why = f"{error.what}. {error.why}"
    return LoadFailed("the graph cannot be loaded by Neptune", why=why, next_step=error.next_step)
