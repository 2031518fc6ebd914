"""Tests on data beside the checkout: collected where KARMA_TEST_DATA names its folder (`make extras`)."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("KARMA_TEST_DATA") else ["test_*"]
