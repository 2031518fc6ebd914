"""Folders of plans, which come and go beside each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karma_adapters.terraform.private_files import PrivateFiles


def test_a_folder_that_goes_while_one_looks_for_old_ones_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan and a drift check of one component may run at once: one drops a folder, the other makes one."""
    files = PrivateFiles(tmp_path)
    first = files.new("a/one")

    def meanwhile(path: Path) -> list[os.DirEntry[str]]:
        monkeypatch.undo()
        entries = list(os.scandir(path))
        files.drop(first)
        return entries

    monkeypatch.setattr(os, "scandir", meanwhile)
    second = files.new("a/one")
    assert second.is_dir()
    assert not first.exists()


def test_old_folders_are_removed(tmp_path: Path) -> None:
    """What nobody applied within its time holds secrets for nothing."""
    files = PrivateFiles(tmp_path, keep_seconds=100)
    old, young = files.new("a/one"), files.new("a/one")
    os.utime(old, (0, 0))
    files.new("a/one")
    assert not old.exists()
    assert young.exists()
