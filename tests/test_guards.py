"""Without any one of its guards the engine of worker processes fails a test."""

import sys

import pytest

from tests.guards import GUARDS, REPOSITORY, fails_without

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("_processes_unmeasured"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sends signals"),
]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if guard.cheap else pytest.mark.long) for name, guard in GUARDS.items()]
)
def test_without_a_guard_its_test_fails(name, tmp_path):
    assert fails_without(name, tmp_path)


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_is_where_the_table_says(name):
    guard = GUARDS[name]
    assert (REPOSITORY / "src" / "evolvent" / guard.file).read_text(encoding="utf-8").count(guard.text) == 1
    file, _, test = guard.test.partition("::")
    assert f"def {test.partition('[')[0]}(" in (REPOSITORY / file).read_text(encoding="utf-8")
