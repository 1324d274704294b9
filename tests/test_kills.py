"""Workers, and whole programs, are killed at random moments: the digest stays, nothing is left, nothing hangs."""

import json
import os
import sys

import pytest

from tests import kills
from tests.kills import Summary, kill_programs, kill_workers

KILLS = int(os.environ.get("EVOLVENT_WORKER_KILLS", "20"))
A_PART = 5  # of them in one test, for each test has a limit
in_parts = pytest.mark.parametrize("part", range(-(-KILLS // A_PART)))

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("_processes_unmeasured"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


@in_parts
def test_workers_that_are_killed_at_any_moment_change_no_digest(part):
    summary = kill_workers(A_PART, seed=part)
    assert summary.kills >= A_PART
    assert not summary.differing
    assert not summary.hangs
    assert max(summary.noticed) < 10.0  # on a machine that does much else; of a quiet one the long form tells


@in_parts
def test_programs_that_are_killed_at_any_moment_leave_nothing_and_go_on_to_the_same_digest(part):
    summary = kill_programs(A_PART, seed=part)
    assert summary.kills >= A_PART
    assert not summary.differing
    assert not summary.orphans
    assert not summary.hangs


def test_what_a_long_form_found_is_kept_where_the_page_shows_it(monkeypatch, tmp_path):
    page, results = tmp_path / "faults.md", tmp_path / "kills.json"
    page.write_text(kills.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(kills, "PAGE", page)
    monkeypatch.setattr(kills, "RESULTS", results)
    found = Summary(kills=1234, runs=56, noticed=[0.25], seconds=[1.0, 2.5, 1.5]).told()
    for _ in range(2):
        kills.keep({"command": "the command", "workers": found, "programs": found})
    assert page.read_text(encoding="utf-8").count("| workers | 1,234 | 56 | 0 | 0 | 0 | 0.25 | 1.50, 2.50 |") == 1
    assert page.read_text(encoding="utf-8").count("`the command`") == 1
    assert json.loads(results.read_text(encoding="utf-8"))["programs"]["kills"] == 1234
