"""Parameter Store itself, on boto3.

SSM has no conditional overwrite: a write's base is checked before it, and the version that comes back must be
base + 1, else somebody wrote in between (Conflict). A write whose answer was lost is not sent again before
the parameter was read: it may have happened. What SSM would refuse is refused before the first call, by
`karma_core.parameters`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from karma_adapters.aws.api import Api, pauses
from karma_adapters.aws.parameter_metadata import SeenVersions
from karma_adapters.aws.ssm_answers import Answer, SsmAnswers, batches_of, tier_of
from karma_core import parameters as rules
from karma_core.errors import BadInput, Conflict, NotFound, Refused, StoreUnavailable
from karma_core.parameters import PAGE_SIZE, Held, Planned
from karma_core.records import Parameter, ParameterKind, ParameterPage, ParameterWrite, Tier
from karma_log.sinks.service import AwsDocument

QUOTAS: Final = {Tier.STANDARD: 10_000, Tier.ADVANCED: 100_000}
"""Parameters of an account and region (AWS: Parameter Store quotas)."""
_DELETED: Final = 10
"""Most names of one request (DeleteParameters)."""


class SsmParameters:
    """ports.ParameterStore on AWS SSM. Threads may share one.

    `api` retries; `once` must not (attempts=1), because an overwrite is not idempotent. `quotas` are the
    account's. `key_id` is the KMS key of new SecureStrings; empty: the account's default key.
    """

    def __init__(
        self,
        api: Api,
        once: Api,
        *,
        seen: SeenVersions | None = None,
        quotas: Mapping[Tier, int] = QUOTAS,
        key_id: str = "",
    ) -> None:
        self._api = api
        self._once = once
        self._answers = SsmAnswers(api, seen or SeenVersions())
        self._quotas = quotas
        self._key_id = key_id
        self._listed: Counter[Tier] = Counter()

    def revision(self) -> str | None:
        """None: SSM counts no writes."""
        return None

    def page(self, prefix: str, *, token: str | None = None, decrypt: bool = False) -> ParameterPage:
        """One page as SSM gives it; the token says which listing it belongs to."""
        path = _path(prefix)
        request = _listing(path, decrypt=decrypt)
        if token is not None:
            if not token.startswith(f"{path}:"):
                raise _foreign_token()
            request["NextToken"] = token.removeprefix(f"{path}:")
        answer = self._api.call("get_parameters_by_path", **request)
        parameters = self._answers.complete(answer["Parameters"], decrypted=decrypt)
        more = answer.get("NextToken")
        return ParameterPage(parameters=tuple(parameters), token=f"{path}:{more}" if more else None)

    def read_tree(self, prefix: str) -> Iterator[Parameter]:
        """Every page until the token ends, then metadata of versions not seen before. O(parameters) memory.

        A parameter that moves to another page while they are read is given once, in its newest version.
        """
        newest: dict[str, Answer] = {}
        low, high = rules.path_bounds(prefix)
        listing = _listing(_path(prefix), decrypt=False)
        for page in self._api.pages("get_parameters_by_path", listing, by="NextToken"):
            for answer in page["Parameters"]:
                known = newest.get(answer["Name"])
                if known is None or known["Version"] <= answer["Version"]:
                    newest[answer["Name"]] = answer
        # The path `/` also brings names without a hierarchy.
        below = [newest[name] for name in sorted(newest) if low < name < high]
        parameters = self._answers.complete(below)
        self._listed = Counter(parameter.tier for parameter in parameters)
        return iter(parameters)

    def get(self, name: str, *, version: int | None = None, decrypt: bool = False) -> Parameter | None:
        """One version, or None; BadInput `invalid-name` for what SSM would not take as a name."""
        rules.check_name(name)
        selector = name if version is None else f"{name}:{version}"
        try:
            answer = self._api.call("get_parameter", Name=selector, WithDecryption=decrypt)
        except NotFound:
            return None
        return self._answers.complete([answer["Parameter"]], decrypted=decrypt)[0]

    def history(self, name: str) -> tuple[Parameter, ...]:
        """All kept versions, oldest first."""
        rules.check_name(name)
        return self._answers.history(name)

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        """Write one after the other, all checked before the first; a later one's failure leaves the earlier.

        Conflict where a base does not match before a write, or the new version is not base + 1 after it;
        Refused `parameter-quota` where the account has no room for them all.
        """
        if not writes:
            return []
        for write in writes:
            rules.check_write(write)
        held = self._held(writes)
        planned = rules.plan_writes(writes, held, now="")
        self._check_quotas(planned, held)
        return [self._write(write, step) for write, step in zip(writes, planned, strict=True)]

    def delete(self, names: Sequence[str]) -> list[str]:
        """Delete with history and tags; those are returned that existed before."""
        for name in names:
            rules.check_name(name)
        there = self._answers.describe(rules.unique(names))
        gone = [name for name in rules.unique(names) if name in there]
        for batch in batches_of(gone, _DELETED):
            self._api.call("delete_parameters", Names=list(batch))
        return gone

    def tags(self, name: str) -> dict[str, str]:
        """Tags of a parameter."""
        rules.check_name(name)
        try:
            answer = self._api.call("list_tags_for_resource", ResourceType="Parameter", ResourceId=name)
        except NotFound:
            return {}
        return {tag["Key"]: tag["Value"] for tag in answer["TagList"]}

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._once.close()

    # -- writing ----------------------------------------------------------------------------------

    def _held(self, writes: Sequence[ParameterWrite]) -> dict[str, Held]:
        """Version and tier of what exists, tags only where a write adds some."""
        tagged = {write.name for write in writes if write.tags}
        entries = self._answers.describe(rules.unique(write.name for write in writes))
        return {
            name: Held(
                version=entry["Version"],
                tier=tier_of(entry),
                tags=self.tags(name) if name in tagged else {},
            )
            for name, entry in entries.items()
        }

    def _write(self, write: ParameterWrite, step: Planned) -> int:
        creates = step.parameter.version == 1 and write.base is not None
        request = self._request(step, overwrite=not creates)
        if creates and step.tags:
            request["Tags"] = _tag_list(step.tags)
        version = self._put(request, step)
        if write.base is not None and version != step.parameter.version:
            raise _overtaken(write, version)
        if write.tags and not creates:
            tags = _tag_list(write.tags)
            self._api.call("add_tags_to_resource", ResourceType="Parameter", ResourceId=write.name, Tags=tags)
        return version

    def _request(self, step: Planned, *, overwrite: bool) -> AwsDocument:
        parameter = step.parameter
        request = {
            "Name": parameter.name,
            "Value": parameter.value,
            "Type": parameter.kind.value,
            "Tier": parameter.tier.value,
            "Description": parameter.description,
            "Overwrite": overwrite,
        }
        if self._key_id and parameter.kind is ParameterKind.SECURE:
            request["KeyId"] = self._key_id
        return request

    def _put(self, request: AwsDocument, step: Planned) -> int:
        """Retry the put until it is answered or known to have happened; returns the new version."""
        failed: StoreUnavailable | None = None
        for _ in pauses(self._once.deadline_seconds):
            try:
                return int(self._once.call("put_parameter", **request)["Version"])
            except StoreUnavailable as error:
                failed = error
                if not error.facts.get("throttled") and self._happened(step):
                    return step.parameter.version
            except Conflict as error:
                if failed is not None and self._happened(step):
                    return step.parameter.version
                raise _exists(step) from error
        raise failed or AssertionError("there is always a first attempt")

    def _happened(self, step: Planned) -> bool:
        """Whether the current version is the planned one, so that only the answer was lost."""
        now = self.get(step.parameter.name, decrypt=True)
        return (
            now is not None
            and now.version == step.parameter.version
            and (now.value, now.description) == (step.parameter.value, step.parameter.description)
        )

    # -- quotas -----------------------------------------------------------------------------------

    def _check_quotas(self, planned: Sequence[Planned], held: Mapping[str, Held]) -> None:
        """Count the whole account only where the last listing says that room may be short."""
        tiers = {step.parameter.name: step.parameter.tier for step in planned}
        new = Counter(tier for name, tier in tiers.items() if name not in held or held[name].tier is not tier)
        for tier, wanted in sorted(new.items()):
            limit = self._quotas[tier]
            if self._listed[tier] + wanted > limit and self._count()[tier] + wanted > limit:
                raise Refused(
                    f"{wanted:,} new {tier} parameters were not written",
                    why=f"the account's quota is {limit:,} in a region",
                    next_step="delete what is not needed, or use another account",
                    code="parameter-quota",
                    tier=tier.value,
                    limit=limit,
                )

    def _count(self) -> Counter[Tier]:
        pages = self._api.pages("describe_parameters", {"MaxResults": 50}, by="NextToken")
        return Counter(tier_of(entry) for page in pages for entry in page["Parameters"])


def _path(prefix: str) -> str:
    rules.path_bounds(prefix)
    return prefix.rstrip("/") or "/"


def _listing(path: str, *, decrypt: bool) -> AwsDocument:
    return {"Path": path, "Recursive": True, "WithDecryption": decrypt, "MaxResults": PAGE_SIZE}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _foreign_token() -> BadInput:
    return BadInput(
        "the page token does not belong to this listing",
        why="it was given for another prefix",
        next_step="start the listing from its first page",
        code="invalid-token",
    )


def _exists(step: Planned) -> Conflict:
    return Conflict(
        f"{step.parameter.name} has moved",
        why="it was to be created, but somebody did so in the meantime",
        next_step="read it again and decide anew",
        parameter=step.parameter.name,
        expected=0,
        found=1,
    )


def _overtaken(write: ParameterWrite, version: int) -> Conflict:
    return Conflict(
        f"{write.name} was written by somebody else at the same time",
        why=f"this write made version {version} instead of {(write.base or 0) + 1}",
        next_step="compare the versions with `karma config show`, then publish again",
        parameter=write.name,
        expected=(write.base or 0) + 1,
        found=version,
    )
