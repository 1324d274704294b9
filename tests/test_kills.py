"""Workers, and whole programs, are killed at random moments: the digest stays, nothing is left, nothing hangs."""

import os
import sys

import pytest

from tests.kills import kill_programs, kill_workers

KILLS = int(os.environ.get("EVOLVENT_WORKER_KILLS", "50"))
A_PART = 10  # of them in one test, for each test has a limit

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("_processes_unmeasured"),
    pytest.mark.parametrize("part", range(-(-KILLS // A_PART))),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


def test_workers_that_are_killed_at_any_moment_change_no_digest(part):
    summary = kill_workers(A_PART, seed=part)
    assert summary.kills >= A_PART
    assert not summary.differing
    assert not summary.hangs
    assert max(summary.noticed) < 10.0  # on a machine that does much else; of a quiet one the long form tells


def test_programs_that_are_killed_at_any_moment_leave_nothing_and_go_on_to_the_same_digest(part):
    summary = kill_programs(A_PART, seed=part)
    assert summary.kills >= A_PART
    assert not summary.differing
    assert not summary.orphans
    assert not summary.hangs
