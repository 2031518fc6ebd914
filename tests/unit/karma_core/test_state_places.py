"""Places of states: which names mean the same one, backend by backend."""

from __future__ import annotations

import pytest

from karma_core.state_places import NamedState, StateFolder, index


def place(backend: str, workspace: str = "default", **arguments: str) -> str | None:
    """The place that these arguments name, as text."""
    made = NamedState(backend, tuple(sorted(arguments.items())), workspace).place
    return None if made is None else str(made)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (place("local", path="/s/a/../b.tfstate"), place("local", path="/s/b.tfstate", workspace_dir="/w")),
        (
            place("local", "dev", path="/s/x", workspace_dir="/w"),
            place("local", path="/w/dev/terraform.tfstate"),
        ),
        (place("s3", bucket="b", key="a/k"), place("s3", bucket="b", key="a/k", workspace_key_prefix="w")),
        (place("s3", "dev", bucket="b", key="k"), place("s3", bucket="b", key="env:/dev/k")),
        (
            place("s3", "dev", bucket="b", key="k", workspace_key_prefix="w"),
            place("s3", bucket="b", key="w/dev/k"),
        ),
        (
            place("s3", "dev", bucket="b", key="k", workspace_key_prefix=""),
            place("s3", bucket="b", key="dev/k"),
        ),
        (place("http", address="HTTPS://E.org:443/A"), place("http", address="https://e.org/A")),
        (place("gcs", bucket="b"), place("gcs", bucket="b", prefix="")),
        (place("gcs", bucket="b", prefix="p/"), place("gcs", bucket="b", prefix="p")),
        (
            place("azurerm", "dev", storage_account_name="s", container_name="c", key="k"),
            place("azurerm", storage_account_name="s", container_name="c", key="kenv:dev"),
        ),
    ],
)  # fmt: skip
def test_two_names_of_one_place(one: str | None, other: str | None) -> None:
    """By each backend's own rules for paths, prefixes and workspaces."""
    assert one == other
    assert one is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (place("local", path="/s/a"), place("local", path="/s/b")),
        (place("s3", bucket="b", key="k"), place("s3", bucket="c", key="k")),
        (place("s3", bucket="b", key="k"), place("s3", bucket="b", key="K")),
        (place("s3", bucket="b", key="k"), place("s3", "dev", bucket="b", key="k")),
        (place("http", address="https://e.org/a"), place("http", address="https://e.org/A")),
        (place("http", address="https://e.org/a"), place("http", address="http://e.org/a")),
        (place("http", address="https://e.org/a?n=1"), place("http", address="https://e.org/a?n=2")),
        (place("gcs", bucket="b", prefix="p"), place("gcs", "dev", bucket="b", prefix="p")),
        (
            place("azurerm", storage_account_name="s", container_name="c", key="k"),
            place("azurerm", storage_account_name="s", container_name="d", key="k"),
        ),
        (place("gcs", bucket="b", prefix="p"), place("s3", bucket="b", key="p/default.tfstate")),
    ],
)  # fmt: skip
def test_names_of_different_places(one: str | None, other: str | None) -> None:
    """In whatever identifies a state; the same text in two backends is not one place either."""
    assert one != other


@pytest.mark.parametrize(
    "named",
    [
        place("local"),
        place("local", path="../vpc/terraform.tfstate"),
        place("s3", bucket="b"),
        place("http", address="no address"),
        place("http", address="http://[::1"),
        place("http", "dev", address="https://e.org/a"),
        place("gcs", prefix="p"),
        place("azurerm", container_name="c", key="k"),
        place("consul", path="p"),
    ],
)
def test_what_names_no_place(named: str | None) -> None:
    """Incomplete, relative to where Terraform runs, or of a backend that is not compared."""
    assert named is None


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        (StateFolder("local", "/p/dev/tfstate"), "local:/p/dev/tfstate/vpc/core/terraform.tfstate"),
        (StateFolder("s3", "states/dev", "b"), "s3:b/states/dev/vpc/core/terraform.tfstate"),
        (StateFolder("s3", "", "b"), "s3:b/vpc/core/terraform.tfstate"),
    ],
)  # fmt: skip
def test_where_karma_keeps_a_components_state(folder: StateFolder, named: str) -> None:
    """Below a folder or in a bucket, by type and nickname, as the backends write it."""
    assert {str(one): address for one, address in index(folder, ["vpc/core"]).items()} == {named: "vpc/core"}


def test_no_place_is_known_without_a_folder() -> None:
    """Then every remote state is nobody's."""
    assert index(None, ["vpc/core"]) == {}
