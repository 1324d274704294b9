import errno
import os
import subprocess
import sys

import pytest

from evolvent.errors import FileRefused, StorageFailed, UsageError
from evolvent.files import (
    disk,
    read_bytes,
    remove_leftovers,
    save_atomically,
)
from tests.os_faults import ERRORS, every_failure, every_kill, failing_at, interposed

OLD, NEW = b"old" * 700, b"new" * 900


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.write_bytes(OLD)
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_save_syncs_the_content_before_it_gets_its_name_and_the_folder_after(target):
    with interposed(lambda _number, _name: None) as names:
        save_atomically(target, NEW)
    assert names[:9] == ["open", "write", "write", "write", "fsync", "close", "replace", "open", "fsync"]
    assert target.read_bytes() == NEW


def test_killed_at_every_call_of_a_save_the_old_or_the_new_content_is_there(target):
    seen = set()
    for doomed in every_kill(lambda: save_atomically(target, NEW)):
        assert target.read_bytes() in {OLD, NEW}
        seen.add(target.read_bytes())
        remove_leftovers(target.parent)
        assert names_in(target.parent) == ["target"], doomed
        target.write_bytes(OLD)
    assert seen == {OLD, NEW}
    assert target.read_bytes() == NEW


CHILD = """
import os, sys
from pathlib import Path
from evolvent.files import save_atomically
from tests.os_faults import ERRORS, every_failure, every_kill, failing_at, interposed
with interposed(lambda number, name: os._exit(9) if number == int(sys.argv[2]) else None):
    save_atomically(Path(sys.argv[1]), b"new" * 900)
"""


def in_child(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], timeout=50, check=False).returncode


def test_a_real_process_that_dies_in_a_save_leaves_old_or_new_content(target):
    codes = []
    while 0 not in codes:
        codes.append(in_child(CHILD, target, len(codes) + 1))
        assert target.read_bytes() in {OLD, NEW}
    assert codes[:9] == [9] * 9
    remove_leftovers(target.parent)
    assert names_in(target.parent) == ["target"]


@pytest.mark.parametrize("code", ERRORS)
def test_any_call_of_a_save_that_fails_is_told_and_leaves_no_litter(target, code):
    doomed = 0
    for names, error in every_failure(code, lambda: save_atomically(target, NEW)):
        doomed += 1
        assert target.read_bytes() == (NEW if "replace" in names[: doomed - 1] else OLD)
        assert names_in(target.parent) == ["target"]
        if names[doomed - 1] == "unlink":
            assert error is None
        else:
            assert isinstance(error, StorageFailed)
            assert f"cannot save {target}: {os.strerror(code)}; {len(NEW)} bytes are needed" in str(error)
            assert "bytes are free" in str(error)
        target.write_bytes(OLD)
    assert doomed > 9


DISK_FULL = """
import resource, sys
from pathlib import Path
from evolvent.errors import StorageFailed
from evolvent.files import save_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_atomically(Path(sys.argv[1]), bytes(10_000))
except StorageFailed as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_content(target):
    assert in_child(DISK_FULL, target) == StorageFailed.exit_code
    assert target.read_bytes() == OLD
    assert names_in(target.parent) == ["target"]


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path):
    with pytest.raises(StorageFailed, match="its folder is gone"):
        save_atomically(tmp_path / "gone" / "target", NEW)
    assert names_in(tmp_path) == []


def test_a_save_that_fails_is_told_where_the_free_space_is_unknown_too(target, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: (target / "below").stat())
    with failing_at(1, errno.EIO), pytest.raises(StorageFailed, match="the free space is unknown"):
        save_atomically(target, NEW)


def test_save_replaces_a_symbolic_link_and_does_not_follow_it(target):
    link = target.with_name("link")
    link.symlink_to(target)
    save_atomically(link, NEW)
    assert target.read_bytes() == OLD
    assert link.read_bytes() == NEW
    assert not link.is_symlink()


@pytest.mark.parametrize("kind", ["a link", "a file"])
def test_save_writes_to_a_new_file_only(target, monkeypatch, kind):
    planted, elsewhere = target.with_name(".target.0.tmp"), target.with_name("elsewhere")
    elsewhere.write_bytes(OLD)
    planted.symlink_to(elsewhere) if kind == "a link" else planted.hardlink_to(elsewhere)
    monkeypatch.setattr(disk, "temporary_name", lambda _name: planted.name)
    with pytest.raises(StorageFailed, match="File exists"):
        save_atomically(target, NEW)
    assert target.read_bytes() == elsewhere.read_bytes() == OLD


def test_save_waits_for_a_reader_on_windows(target, monkeypatch):
    replace, refusals = os.replace, iter([PermissionError(13, "in use")] * 3)

    def replace_later(source, destination):
        for refusal in refusals:
            raise refusal
        replace(source, destination)

    monkeypatch.setattr(os, "replace", replace_later)
    monkeypatch.setattr(disk, "_WINDOWS", True)
    save_atomically(target, NEW)
    assert target.read_bytes() == NEW


def test_leftovers_are_recognised_by_their_name_only(tmp_path):
    for name in ("best.tmp", ".best.tmp", ".best.0123456789abcdef.tmp.txt", "best.0123456789abcdef.tmp"):
        (tmp_path / name).touch()
    before = names_in(tmp_path)
    (tmp_path / disk.temporary_name("best")).touch()
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == before
    remove_leftovers(tmp_path / "missing")


def test_what_is_no_file_to_read_is_refused_in_words(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(bytes(11))
    os.mkfifo(tmp_path / "pipe")
    for name, error, words in (
        ("missing", UsageError, "no such file"),
        ("large/below", UsageError, "no such file"),
        ("a\0b", UsageError, "no such file"),
        (".", FileRefused, "a folder"),
        ("loop", FileRefused, "a loop of symbolic links"),
        ("pipe", FileRefused, "a device or a pipe"),
        ("large", FileRefused, "has 11 bytes; expected at most 10"),
    ):
        with pytest.raises(error, match=words):
            read_bytes(tmp_path / name, limit=10)


def test_a_file_that_cannot_be_read_is_a_failure_of_storage(target):
    with failing_at(1, errno.EACCES), pytest.raises(StorageFailed, match="check its permissions"):
        read_bytes(target)
