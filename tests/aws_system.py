"""An environment with its stores in AWS, as far as an endpoint is AWS, and Terraform in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karma_adapters.aws import state_table
from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.dynamodb_state import DynamoState
from karma_adapters.aws.s3_artifacts import S3Artifacts
from karma_adapters.aws.ssm import SsmParameters
from karma_log.log import Log
from karma_log.sinks import dynamodb_table
from karma_log.sinks.dynamodb import DynamoSink
from karma_log.sinks.s3 import S3Sink
from tests import local_aws
from tests.stored_system import StoredSystem


@dataclass(frozen=True, kw_only=True)
class Impatient(Access):
    """Access whose clients wait less long for an answer, so that hangs cost a test little."""

    wait_seconds: float = 1.0

    def client(self, service: str, **options: Any) -> Any:
        """As Access's."""
        return super().client(service, **{**options, "read_seconds": self.wait_seconds})


class AwsSystem(StoredSystem):
    """`StoredSystem` with parameters, state, log and artifacts behind `access`. The graph is in SQLite."""

    def __init__(self, root: Path, access: Access, types: str = "a b c") -> None:
        super().__init__(root, types=types)
        self._own = (self.parameters, self.state, self.log)
        self.apis = {name: Api(access, name) for name in ("ssm", "dynamodb", "s3")}
        once = Api(access, "ssm", attempts=1)
        dynamodb, s3 = self.apis["dynamodb"], self.apis["s3"]
        self.parameters = SsmParameters(self.apis["ssm"], once)  # type: ignore[assignment]
        table = state_table.StateTable(dynamodb, local_aws.STATE, "test")
        self.state = DynamoState(table, clock=self.clock)  # type: ignore[assignment]
        self.artifacts = S3Artifacts(s3, local_aws.BUCKET, clock=self.clock)  # type: ignore[assignment]
        self.log = Log(
            DynamoSink(dynamodb, local_aws.EVENTS, "test"),
            self.state,
            copies=[S3Sink(s3, local_aws.BUCKET, "test/log")],
        )

    def close(self) -> None:
        """Close what is in AWS, and the files under it."""
        for api in self.apis.values():
            api.close()
        self.parameters, self.state, self.log = self._own  # type: ignore[assignment]
        super().close()


def prepare(access: Access) -> None:
    """Make the tables and the bucket."""
    client = local_aws.api(access, "dynamodb")
    client.call("create_table", **state_table.definition(local_aws.STATE))
    client.call("create_table", **dynamodb_table.definition(local_aws.EVENTS))
    local_aws.bucket(access)
