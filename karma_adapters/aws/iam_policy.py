"""The least IAM policy under which Karma itself can work on an environment, as its settings are.

It covers what Karma calls, found by watching it; what the modules and reload actions need is theirs. Sources
of names and resources: the AWS Service Authorization Reference for SSM, DynamoDB, S3, KMS and Neptune, and
the S3 backend's documentation for Terraform's states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from karma_adapters.aws.places import sinks
from karma_adapters.wiring.settings import AwsSettings, Environment, Settings
from karma_core.json_types import JsonObject

PARAMETERS: Final = (
    "ssm:AddTagsToResource",
    "ssm:DeleteParameters",
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParametersByPath",
    "ssm:ListTagsForResource",
    "ssm:PutParameter",
)
STATE: Final = (
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
EVENTS: Final = ("dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
"""Events are put and never changed: whoever has only these cannot delete one."""
_LOCKS: Final = ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem")
_OBJECTS: Final = ("s3:GetObject", "s3:PutObject")
_STATES: Final = ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")
"""The lock file is deleted when it is released."""
_KEY: Final = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
_GRAPH: Final = (
    "neptune-db:DeleteDataViaQuery",
    "neptune-db:ReadDataViaQuery",
    "neptune-db:WriteDataViaQuery",
)
_LOADER: Final = (
    "neptune-db:CancelLoaderJob",
    "neptune-db:GetLoaderJobStatus",
    "neptune-db:ListLoaderJobs",
    "neptune-db:StartLoaderJob",
)
_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def policy(settings: Settings, environment: str) -> JsonObject:
    """The policy as a JSON document; no statements where no store is in AWS."""
    statements = [statement for statement in _Policy(settings, environment).statements() if statement]
    return {"Version": "2012-10-17", "Statement": statements}


class _Policy:
    def __init__(self, settings: Settings, environment: str) -> None:
        self._settings = settings
        self._environment = environment
        self._section: Environment = settings.section(environment)
        self._aws = self._section.aws or AwsSettings()
        role = self._aws.role_arn.split(":")
        self._account = role[4] if len(role) > 4 else "*"  # noqa: PLR2004 - arn:partition:iam::account:…
        starts = (name for start, name in _PARTITIONS.items() if self._section.region.startswith(start))
        self._partition = next(starts, "aws")

    def statements(self) -> Iterator[JsonObject]:
        """Yield the statements in the order in which a run needs them."""
        if self._section.parameters == "ssm":
            yield from self._parameters()
        yield from self._tables()
        yield from self._buckets()
        if self._aws.kms_key_id:
            yield _allow("Encryption", _KEY, [self._key_arn()])
        if self._section.gremlin_auth == "sigv4":
            yield _allow("Graph", _GRAPH, [self._arn("neptune-db", "*/*")])
        if self._section.gremlin_load_role:
            yield _allow("GraphLoader", _LOADER, [self._arn("neptune-db", "*/*")])
            place = self._bucket(self._aws.bucket, f"/{self._environment}/load/*")
            yield _allow("GraphFiles", ["s3:DeleteObject", "s3:PutObject"], [place])

    def _parameters(self) -> Iterator[JsonObject]:
        below = self._section.prefix.strip("/")
        names = [f"parameter/{below}", f"parameter/{below}/*"] if below else ["parameter/*"]
        yield _allow("Parameters", PARAMETERS, [self._arn("ssm", name) for name in names])
        yield _allow("ParameterDescriptions", ["ssm:DescribeParameters"], [self._arn("ssm", "*")])

    def _tables(self) -> Iterator[JsonObject]:
        own = {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [self._environment, f"{self._environment}#*"]}
        }
        described = []
        if self._section.state == "dynamodb":
            described.append(self._aws.state_table)
            yield _allow("State", STATE, self._table(self._aws.state_table), own)
        if "dynamodb" in sinks(self._settings, self._environment) and self._aws.log_table:
            described.append(self._aws.log_table)
            yield _allow("Log", EVENTS, self._table(self._aws.log_table), own)
        if described:
            tables = [self._arn("dynamodb", f"table/{name}") for name in described]
            yield _allow("TablesSeenByDoctor", ["dynamodb:DescribeTable"], tables)
        if self._section.terraform_state == "s3" and self._aws.tfstate_lock_table:
            yield _allow("TerraformLocks", _LOCKS, self._table(self._aws.tfstate_lock_table)[:1])

    def _buckets(self) -> Iterator[JsonObject]:
        listed = []
        aws, section = self._aws, self._section
        if aws.bucket and (section.artifacts == "s3" or "s3" in sinks(self._settings, self._environment)):
            listed.append(aws.bucket)
            locks = ["s3:PutObjectRetention"] if aws.object_lock_days else []
            place = [self._bucket(aws.bucket, f"/{self._environment}/*")]
            yield _allow("ArtifactsAndLog", [*_OBJECTS, *locks], place)
        if section.terraform_state == "s3":
            bucket = aws.tfstate_bucket or aws.bucket
            listed.append(bucket)
            folder = f"/{aws.tfstate_prefix.strip('/')}/*" if aws.tfstate_prefix.strip("/") else "/*"
            yield _allow("TerraformStates", _STATES, [self._bucket(bucket, folder)])
        if listed:
            buckets = [self._bucket(name) for name in sorted(set(listed))]
            yield _allow("Listing", ["s3:ListBucket"], buckets)

    def _table(self, name: str) -> list[str]:
        return [self._arn("dynamodb", f"table/{name}"), self._arn("dynamodb", f"table/{name}/index/*")]

    def _bucket(self, name: str, below: str = "") -> str:
        return f"arn:{self._partition}:s3:::{name}{below}"

    def _key_arn(self) -> str:
        key = self._aws.kms_key_id
        if key.startswith("arn:"):
            return key
        # A policy cannot name a key by its alias: the grant is then bound to the alias by hand.
        return self._arn("kms", "key/*" if key.startswith("alias/") else f"key/{key}")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self._partition}:{service}:{self._section.region}:{self._account}:{resource}"


def _allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], condition: JsonObject | None = None
) -> JsonObject:
    body = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
    return {**body, "Condition": condition} if condition else body
