"""Neptune's loader over HTTP, as its user guide documents it, in front of a Gremlin Server and a local S3.

It checks the signature of each request, reads the CSV files of a job from S3 by their columns, and writes
what they say into the server: so what it takes is what Neptune's format says, as far as Karma uses it.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import Direction, T

from karma_adapters.gremlin.queries import Upsert, source

SECRET: Final = "test"
"""The secret access key of the tests' credentials."""
CASTS: Final[dict[str, Callable[[str], Any]]] = {
    "String": str,
    "Long": int,
    "Bool": {"true": True, "false": False}.__getitem__,
}
ROWS_A_REQUEST: Final = 40


@dataclass
class Job:
    """One load. `looks`: how often its status is asked for before it has ended."""

    source: str
    looks: int
    ends_as: str = "LOAD_COMPLETED"
    status: str = "LOAD_IN_PROGRESS"

    def look(self) -> str:
        """The status of now."""
        if self.status == "LOAD_IN_PROGRESS":
            self.looks -= 1
            if self.looks < 0:
                self.status = self.ends_as
        return self.status


@dataclass
class NeptuneLoader:
    """The loader. `refusal`: (HTTP status, code) of every start; `lost`: replies to starts that are lost."""

    s3: Any
    submit: Callable[[GraphTraversal], object]
    url: str = ""
    looks: int = 1
    ends_as: str = "LOAD_COMPLETED"
    refusal: tuple[int, str] | None = None
    lost: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    starts: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def start(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST /loader."""
        if self.refusal is not None:
            status, code = self.refusal
            return status, _error(code)
        load_id = str(uuid.uuid4())
        self.starts.append(request)
        self.jobs[load_id] = Job(request["source"], self.looks, self.ends_as)
        for key, body in self._files(request["source"]):
            self.files[key] = body
            self._load(body)
        return 200, {"status": "200 OK", "payload": {"loadId": load_id}}

    def status(self, load_id: str, *, errors: bool) -> tuple[int, dict[str, Any]]:
        """GET /loader/{loadId}."""
        job = self.jobs.get(load_id)
        if job is None:
            return 404, _error("BulkLoadIdNotFoundException")
        status = job.look()
        payload: dict[str, Any] = {
            "feedCount": [{status: 1}],
            "overallStatus": {"fullUri": job.source, "status": status, "totalRecords": 1},
        }
        if errors:
            log = {
                "errorCode": "FROM_OR_TO_VERTEX_ARE_MISSING",
                "errorMessage": "no such end",
                "recordNum": 2,
            }
            payload["errors"] = {"startIndex": 1, "endIndex": 1, "loadId": load_id, "errorLogs": [log]}
        return 200, {"status": "200 OK", "payload": payload}

    def cancel(self, load_id: str) -> tuple[int, dict[str, Any]]:
        """DELETE /loader/{loadId}."""
        job = self.jobs.get(load_id)
        if job is None:
            return 404, _error("BulkLoadIdNotFoundException")
        job.status = "LOAD_CANCELLED_BY_USER"
        return 200, {"status": "200 OK"}

    def _files(self, address: str) -> Iterator[tuple[str, bytes]]:
        bucket, _, folder = address.removeprefix("s3://").partition("/")
        for item in self.s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", ()):
            yield item["Key"], self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()

    def _load(self, body: bytes) -> None:
        elements = list(elements_of(body))
        for start in range(0, len(elements), ROWS_A_REQUEST):
            traversal: Any = source()
            for element in elements[start : start + ROWS_A_REQUEST]:
                traversal = element.chain(traversal)
            self.submit(traversal.id_())


def elements_of(body: bytes) -> Iterator[Upsert]:
    """What a file says, by the Gremlin load data format."""
    for row in csv.DictReader(io.StringIO(body.decode("utf-8"), newline=""), strict=True):
        create: dict[Any, str] = {T.label: row.pop("~label")}
        identity = row.pop("~id")
        if "~from" in row:
            create |= {Direction.OUT: row.pop("~from"), Direction.IN: row.pop("~to")}
        properties = {}
        for column, cell in row.items():
            name, _, kind = column.partition(":")
            if Direction.OUT not in create:
                assert kind.endswith("(single)"), column
            properties[name] = CASTS[kind.removesuffix("(single)")](cell)
        yield Upsert(identity, create, properties, ())


def _error(code: str) -> dict[str, Any]:
    return {"requestId": str(uuid.uuid4()), "code": code, "detailedMessage": "as the user guide has it"}


class _Handler(BaseHTTPRequestHandler):
    loader: NeptuneLoader
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._check_signature(body)
        status, answer = self.loader.start(json.loads(body))
        if self.loader.lost:
            self.loader.lost -= 1
            self.close_connection = True
            return
        self._say(status, answer)

    def do_GET(self) -> None:
        self._check_signature(b"")
        parts = urlsplit(self.path)
        load_id = parts.path.removeprefix("/loader").strip("/")
        if load_id:
            self._say(*self.loader.status(load_id, errors="errors=true" in parts.query))
        else:
            self._say(200, {"status": "200 OK", "payload": {"loadIds": list(self.loader.jobs)}})

    def do_DELETE(self) -> None:
        self._check_signature(b"")
        self._say(*self.loader.cancel(self.path.rpartition("/")[2]))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is logged."""

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _check_signature(self, body: bytes) -> None:
        """Note a request that is not signed by Signature Version 4 for neptune-db, over all that is sent."""
        given = self.headers.get("Authorization", "")
        if not given.startswith("AWS4-HMAC-SHA256 "):
            self.loader.problems.append(f"{self.command} {self.path} is not signed")
            return
        parts = dict(part.strip().split("=", 1) for part in given.partition(" ")[2].split(","))
        _, day, region, service, ending = parts["Credential"].split("/")
        signed = parts["SignedHeaders"].split(";")
        address = urlsplit(self.path)
        query = "&".join(
            f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(parse_qsl(address.query))
        )
        headers = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in signed)
        canonical = "\n".join(
            [self.command, address.path, query, headers, ";".join(signed), hashlib.sha256(body).hexdigest()]
        )
        scope = f"{day}/{region}/{service}/{ending}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self.headers['X-Amz-Date']}\n{scope}\n{digest}"
        key = f"AWS4{SECRET}".encode()
        for part in (day, region, service, ending):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if (service, expected) != ("neptune-db", parts["Signature"]):
            self.loader.problems.append(f"{self.command} {self.path} is signed otherwise for {service}")


@contextmanager
def running(s3: Any, submit: Callable[[GraphTraversal], object]) -> Iterator[NeptuneLoader]:
    """The loader on a free port of the loopback address; every request has to have been signed."""
    loader = NeptuneLoader(s3, submit)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"loader": loader}))
    loader.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield loader
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert loader.problems == []
