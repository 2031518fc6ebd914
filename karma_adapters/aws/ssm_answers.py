"""Converts SSM's answers to parameters, adding the metadata that its listings leave out.

GetParameter and GetParametersByPath give neither tier nor description. DescribeParameters gives them for 50
names a request, of the current version only; GetParameterHistory for one name, of every kept version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from karma_adapters.aws.api import Api
from karma_adapters.aws.parameter_metadata import Metadata, SeenVersions, Version
from karma_core.errors import NotFound
from karma_core.records import Parameter, ParameterKind, Tier
from karma_log.sinks.service import AwsMapping

Answer = AwsMapping
"""One parameter as SSM gives it."""

_DESCRIBED: Final = 50
"""Most names in a filter, and most parameters on a page (DescribeParameters)."""
_HISTORY_PAGE: Final = 50
"""Most versions on a page (GetParameterHistory)."""
_THREADS: Final = 8
"""Requests in flight. Ours: at 40 requests a second and 100 ms each, four would do."""


class SsmAnswers:
    """Completes answers by metadata, read only for versions that were not seen before."""

    def __init__(self, api: Api, seen: SeenVersions) -> None:
        self._api = api
        self._seen = seen

    def complete(self, answers: Sequence[Answer], *, decrypted: bool = False) -> list[Parameter]:
        """The parameters, in the same order; SecureString values only where they were decrypted."""
        versions = [_version(answer) for answer in answers]
        metadata = {version: self._seen.find(version) for version in versions}
        unseen = [version for version, known in metadata.items() if known is None]
        if unseen:
            learnt = self._read(unseen)
            self._seen.learn(learnt)
            metadata |= learnt
        return [
            _parameter(answer, metadata[version], decrypted=decrypted)
            for answer, version in zip(answers, versions, strict=True)
        ]

    def describe(self, names: Sequence[str]) -> dict[str, Answer]:
        """DescribeParameters' entry of each name that exists; requests of 50 names, several at once."""
        with ThreadPoolExecutor(_THREADS) as threads:
            batches = threads.map(self._describe, batches_of(names, _DESCRIBED))
            return {entry["Name"]: entry for batch in batches for entry in batch}

    def history(self, name: str) -> tuple[Parameter, ...]:
        """All kept versions, oldest first; SecureString values stay with SSM."""
        request = {"Name": name, "WithDecryption": False, "MaxResults": _HISTORY_PAGE}
        try:
            pages = list(self._api.pages("get_parameter_history", request, by="NextToken"))
        except NotFound:
            return ()
        versions = [_parameter(entry, _metadata(entry)) for page in pages for entry in page["Parameters"]]
        return tuple(sorted(versions, key=lambda parameter: parameter.version))

    def _read(self, unseen: Sequence[Version]) -> dict[Version, Metadata]:
        """Metadata of versions: by description where it is the current one, else by history."""
        entries = self.describe([version.name for version in unseen])
        current = {_version(entry): _metadata(entry) for entry in entries.values()}
        metadata = {version: current[version] for version in unseen if version in current}
        past = [version for version in unseen if version not in metadata]
        with ThreadPoolExecutor(_THREADS) as threads:
            return metadata | dict(zip(past, threads.map(self._read_past, past), strict=True))

    def _read_past(self, version: Version) -> Metadata:
        for kept in self.history(version.name):
            if kept.version == version.version:
                return Metadata(tier=kept.tier, description=kept.description)
        return Metadata(tier=Tier.STANDARD)  # deleted meanwhile: nobody can know its tier any more

    def _describe(self, names: Sequence[str]) -> list[Answer]:
        chosen = [{"Key": "Name", "Option": "Equals", "Values": list(names)}]
        request = {"ParameterFilters": chosen, "MaxResults": _DESCRIBED}
        pages = self._api.pages("describe_parameters", request, by="NextToken")
        return [entry for page in pages for entry in page["Parameters"]]


def batches_of(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in order, `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _version(answer: Answer) -> Version:
    modified_at = _time(answer["LastModifiedDate"])
    return Version(name=answer["Name"], version=answer["Version"], modified_at=modified_at)


def _metadata(entry: Answer) -> Metadata:
    return Metadata(tier=tier_of(entry), description=entry.get("Description", ""))


def tier_of(entry: Answer) -> Tier:
    """Return a parameter's actual tier; Intelligent-Tiering only chooses one and is none itself."""
    return Tier.ADVANCED if entry.get("Tier") == Tier.ADVANCED else Tier.STANDARD


def _parameter(answer: Answer, metadata: Metadata | None, *, decrypted: bool = False) -> Parameter:
    kind = ParameterKind(answer["Type"])
    known = metadata or Metadata(tier=Tier.STANDARD)
    return Parameter(
        name=answer["Name"],
        value=answer["Value"] if decrypted or kind is not ParameterKind.SECURE else None,
        version=answer["Version"],
        kind=kind,
        tier=known.tier,
        description=known.description,
        modified_at=_time(answer["LastModifiedDate"]),
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
