"""What every parameter store must do, by the port alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from karma_adapters.sqlite.parameters import LocalParameters
from karma_core.errors import BadInput, Conflict
from karma_core.ports import ParameterStore
from karma_core.records import ParameterKind, ParameterWrite, Tier
from tests import local_aws
from tests.memory.parameters import MemoryParameters


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["local", "memory", "ssm"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ParameterStore]:
    """Every adapter in turn, empty."""
    if request.param == "ssm":
        yield local_aws.parameters(local_aws.fresh(monkeypatch))
        return
    if request.param == "memory":
        yield MemoryParameters(clock=_now)
        return
    local = LocalParameters(tmp_path / "dev.db", clock=_now)
    yield local
    local.close()


def write(name: str, value: str = "v", **facts: object) -> ParameterWrite:
    """A write with what the test cares about."""
    return ParameterWrite(name=name, value=value, **facts)  # type: ignore[arg-type]


class TestVersions:
    def test_count_from_one(self, store: ParameterStore) -> None:
        """Versions begin at 1 and rise by one with each write; any kept one can be read."""
        assert store.put([write("/iac/a", "one"), write("/iac/b", "x")]) == [1, 1]
        assert store.put([write("/iac/a", "two")]) == [2]
        current = store.get("/iac/a")
        assert current is not None
        assert (current.value, current.version) == ("two", 2)
        first = store.get("/iac/a", version=1)
        assert first is not None
        assert first.value == "one"
        assert store.get("/iac/a", version=3) is None
        assert store.get("/iac/none") is None

    def test_history_keeps_a_hundred(self, store: ParameterStore) -> None:
        """History holds the newest 100 versions, oldest first, each with its own description."""
        for number in range(1, 104):
            store.put([write("/iac/a", f"v{number}", description=f"d{number}")])
        history = store.history("/iac/a")
        assert [kept.version for kept in history] == list(range(4, 104))
        assert (history[0].value, history[0].description) == ("v4", "d4")
        assert store.get("/iac/a", version=3) is None
        assert store.history("/iac/none") == ()

    def test_delete_starts_anew(self, store: ParameterStore) -> None:
        """A deleted parameter loses its history and tags; put again, it begins at version 1."""
        store.put([write("/iac/a", tags={"k": "v"}), write("/iac/a", "w")])
        assert store.delete(["/iac/a", "/iac/none", "/iac/a"]) == ["/iac/a"]
        assert store.get("/iac/a") is None
        assert store.history("/iac/a") == ()
        assert store.put([write("/iac/a")]) == [1]
        assert len(store.history("/iac/a")) == 1
        assert store.tags("/iac/a") == {}

    def test_same_name_twice(self, store: ParameterStore) -> None:
        """Writes happen in the given order: two of one name are two versions."""
        assert store.put([write("/iac/a", "x", base=0), write("/iac/a", "y", base=1)]) == [1, 2]
        assert [kept.value for kept in store.history("/iac/a")] == ["x", "y"]


class TestConflicts:
    @pytest.mark.parametrize(("base", "found"), [(0, 2), (1, 2), (3, 2)])
    def test_base_must_be_current(self, store: ParameterStore, base: int, found: int) -> None:
        """A base that is not the current version is a Conflict that says what was expected and found."""
        store.put([write("/iac/a"), write("/iac/a", "w")])
        with pytest.raises(Conflict) as raised:
            store.put([write("/iac/a", "x", base=base)])
        assert raised.value.facts == {"parameter": "/iac/a", "expected": base, "found": found}

    def test_base_of_an_absent_parameter(self, store: ParameterStore) -> None:
        """A base above 0 needs the parameter to exist."""
        with pytest.raises(Conflict) as raised:
            store.put([write("/iac/a", base=1)])
        assert raised.value.facts["found"] == 0

    def test_nothing_written_before_a_bad_one(self, store: ParameterStore) -> None:
        """Names and sizes of all writes are checked before the first is stored."""
        before = store.revision()
        with pytest.raises(BadInput):
            store.put([write("/iac/a"), write("/iac/b", "x" * 8193)])
        assert store.get("/iac/a") is None
        assert store.revision() == before


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "asked", "given"),
        [
            (4096, None, Tier.STANDARD),
            (4097, None, Tier.ADVANCED),
            (8192, None, Tier.ADVANCED),
            (4096, Tier.STANDARD, Tier.STANDARD),
            (1, Tier.ADVANCED, Tier.ADVANCED),
        ],
    )
    def test_smallest_tier(self, store: ParameterStore, size: int, asked: Tier | None, given: Tier) -> None:
        """Without a tier the smallest that fits is taken; 4,096 and 8,192 bytes still fit."""
        store.put([write("/iac/a", "x" * size, tier=asked)])
        kept = store.get("/iac/a")
        assert kept is not None
        assert kept.tier is given

    @pytest.mark.parametrize(("size", "tier"), [(8193, None), (4097, Tier.STANDARD), (8193, Tier.ADVANCED)])
    def test_too_large(self, store: ParameterStore, size: int, tier: Tier | None) -> None:
        """One byte more than the tier holds is refused."""
        with pytest.raises(BadInput) as raised:
            store.put([write("/iac/a", "x" * size, tier=tier)])
        assert raised.value.code == "too-large"

    def test_bytes_not_characters(self, store: ParameterStore) -> None:
        """Sizes count bytes of UTF-8."""
        store.put([write("/iac/a", "é" * 2048), write("/iac/b", "é" * 2049)])
        tiers = [parameter.tier for parameter in store.read_tree("/iac")]
        assert tiers == [Tier.STANDARD, Tier.ADVANCED]

    def test_advanced_stays(self, store: ParameterStore) -> None:
        """An advanced parameter stays advanced, and asking for Standard is refused, until it is deleted."""
        store.put([write("/iac/a", "x" * 5000), write("/iac/a", "small")])
        kept = store.get("/iac/a")
        assert kept is not None
        assert kept.tier is Tier.ADVANCED
        with pytest.raises(BadInput) as raised:
            store.put([write("/iac/a", "small", tier=Tier.STANDARD)])
        assert raised.value.code == "tier-downgrade"
        store.delete(["/iac/a"])
        store.put([write("/iac/a", "small")])
        again = store.get("/iac/a")
        assert again is not None
        assert again.tier is Tier.STANDARD


class TestValues:
    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ("", "empty-value"),
            ("{{ssm:x}}", "parameter-reference"),
            ('{"a":"{{b}}"}', "parameter-reference"),
            ("\ud800", "invalid-value"),
        ],
    )
    def test_refused(self, store: ParameterStore, value: str, code: str) -> None:
        """What SSM would refuse or resolve is refused."""
        with pytest.raises(BadInput) as raised:
            store.put([write("/iac/a", value)])
        assert raised.value.code == code

    @pytest.mark.parametrize("kind", [ParameterKind.STRING, ParameterKind.STRING_LIST])
    def test_kinds(self, store: ParameterStore, kind: ParameterKind) -> None:
        """Kind, description and value come back as written."""
        store.put([write("/iac/a", "x,y", kind=kind, description="why")])
        kept = store.get("/iac/a")
        assert kept is not None
        assert (kept.kind, kept.value, kept.description) == (kind, "x,y", "why")
        assert kept.modified_at.endswith("Z")

    def test_description_limit(self, store: ParameterStore) -> None:
        """A description has at most 1,024 characters."""
        store.put([write("/iac/a", description="d" * 1024)])
        with pytest.raises(BadInput) as raised:
            store.put([write("/iac/a", description="d" * 1025)])
        assert raised.value.code == "description-too-long"

    def test_secure_strings_need_decrypt(self, store: ParameterStore) -> None:
        """A SecureString's value is given only to a read that decrypts."""
        store.put([write("/iac/s", "canary-1", kind=ParameterKind.SECURE)])
        store.put([write("/iac/s", "canary-2", kind=ParameterKind.SECURE)])
        hidden = [
            store.get("/iac/s"),
            store.get("/iac/s", version=1),
            *store.history("/iac/s"),
            *store.read_tree("/iac"),
            *store.page("/iac").parameters,
        ]
        assert "canary" not in repr(hidden)
        assert all(parameter is not None and parameter.value is None for parameter in hidden)
        first = store.get("/iac/s", version=1, decrypt=True)
        assert first is not None
        assert first.value == "canary-1"
        assert store.page("/iac", decrypt=True).parameters[0].value == "canary-2"


class TestNames:
    @pytest.mark.parametrize("name", ["/a" * 15, "plain", "/A/b_c/d.e-f", "/" + "x" * 1010])
    def test_taken(self, store: ParameterStore, name: str) -> None:
        """SSM's names: up to 1,011 characters and 15 levels of letters, digits, _ . -."""
        store.put([write(name)])
        assert store.get(name) is not None

    @pytest.mark.parametrize(
        "name",
        [
            *["", "/", "a/b", "/a/", "/a//b", "/a b", "/a\n", "/é", "/a%2f", "/a" * 16, "/" + "x" * 1011],
            *["/aws/x", "/ssmx/y", "AWSx", "/../x'); DROP TABLE parameter"],
        ],
    )
    def test_refused(self, store: ParameterStore, name: str) -> None:
        """Every other name is refused."""
        with pytest.raises(BadInput) as raised:
            store.put([write(name)])
        assert raised.value.code == "invalid-name"


class TestListing:
    def test_pages_of_ten(self, store: ParameterStore) -> None:
        """A listing by path is recursive, at most ten a page, and complete; the whole tree comes by name."""
        names = sorted(f"/iac/t{number % 3}/n{number:02}/config" for number in range(23))
        store.put([write(name) for name in reversed(names)])
        store.put([write("/iac"), write("/iacx/a"), write("/ia/a"), write("plain")])
        found, token, sizes = [], None, []
        while True:
            page = store.page("/iac", token=token)
            found += [parameter.name for parameter in page.parameters]
            sizes.append(len(page.parameters))
            token = page.token
            if token is None:
                break
        assert sorted(found) == names
        assert max(sizes) <= 10
        assert [parameter.name for parameter in store.read_tree("/iac/")] == names
        assert len(list(store.read_tree("/"))) == 26

    def test_bad_tokens(self, store: ParameterStore) -> None:
        """A token of no listing is refused."""
        store.put([write("/iac/a")])
        with pytest.raises(BadInput) as raised:
            store.page("/iac", token="elsewhere")
        assert raised.value.code == "invalid-token"

    @pytest.mark.parametrize("listing", [lambda s, p: list(s.read_tree(p)), lambda s, p: s.page(p)])
    @pytest.mark.parametrize("prefix", ["", "iac", "/iac'", "/iac%", "/ia*"])
    def test_bad_prefix(
        self, store: ParameterStore, listing: Callable[[ParameterStore, str], object], prefix: str
    ) -> None:
        """What is no path is refused, not searched for."""
        with pytest.raises(BadInput) as raised:
            listing(store, prefix)
        assert raised.value.code == "invalid-name"


class TestTags:
    def test_are_kept_and_added_to(self, store: ParameterStore) -> None:
        """Tags stay over a write without tags, and further ones are added."""
        store.put([write("/iac/a", tags={"owner": "ann"})])
        store.put([write("/iac/a", "w")])
        store.put([write("/iac/a", "x", tags={"team": "net"})])
        assert store.tags("/iac/a") == {"owner": "ann", "team": "net"}
        assert store.tags("/iac/none") == {}

    @pytest.mark.parametrize(
        ("tags", "code"),
        [
            ({f"k{number}": "" for number in range(51)}, "too-many-tags"),
            ({"aws:x": ""}, "invalid-tag"),
            ({"": ""}, "invalid-tag"),
            ({"k" * 129: ""}, "invalid-tag"),
            ({"k": "v" * 257}, "invalid-tag"),
        ],
    )
    def test_refused(self, store: ParameterStore, tags: dict[str, str], code: str) -> None:
        """At most 50 tags, of AWS's form."""
        with pytest.raises(BadInput) as raised:
            store.put([write("/iac/a", tags=tags)])
        assert raised.value.code == code

    def test_fifty_in_all(self, store: ParameterStore) -> None:
        """The limit counts the tags that are there already."""
        store.put([write("/iac/a", tags={f"k{number}": "" for number in range(50)})])
        with pytest.raises(BadInput):
            store.put([write("/iac/a", "w", tags={"one": "more"})])


class TestRevision:
    def test_moves_with_every_write(self, store: ParameterStore) -> None:
        """Where the store has a revision, every write that changes something moves it, and no read does."""
        if store.revision() is None:
            return
        seen = [store.revision()]
        store.put([write("/iac/a")])
        seen.append(store.revision())
        store.put([write("/iac/a")])
        seen.append(store.revision())
        store.delete(["/iac/a"])
        seen.append(store.revision())
        store.put([write("/iac/a")])
        seen.append(store.revision())
        assert len(set(seen)) == 5
        store.delete(["/iac/none"])
        store.put([])
        list(store.read_tree("/iac"))
        assert store.revision() == seen[-1]
