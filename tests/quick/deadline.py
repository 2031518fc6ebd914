"""A pytest plugin: after the deadline no test is begun, and the summary says how many were left.

The environment's KARMA_TEST_DEADLINE is the time (seconds since 1970) of the deadline.
"""

from __future__ import annotations

import os
import time

import pytest

VARIABLE = "KARMA_TEST_DEADLINE"
WHY = "no time left"


def pytest_runtest_setup() -> None:
    """Leave a test that would begin too late."""
    if time.time() > float(os.environ[VARIABLE]):
        pytest.skip(WHY)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count what was left by itself, without a letter for each."""
    return ("not begun", "", "NOT BEGUN") if report.skipped and WHY in str(report.longrepr) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run."""
    left = {report.nodeid.partition("::")[0] for report in terminalreporter.stats.get("not begun", [])}
    if left:
        terminalreporter.write_line(
            f"The time is over: {len(left)} files of tests were not run to their end."
        )
        terminalreporter.write_line("`make test` runs all of them.")
