import errno
import math

import numpy as np
import pytest

from evolvent.errors import FileRefused, StorageFailed, UsageError
from evolvent.training.history import History, read, trim
from tests.os_faults import every_failure, every_kill, interposed

COLUMNS = ("generation", "best", "steps")
ROWS = [(0, 0.1, 10), (1, -1e300, 20), (2, math.inf, 30), (3, -0.0, 40)]
TEXT = b"generation,best,steps\n0,0.1,10\n1,-1e+300,20\n2,inf,30\n3,-0.0,40\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.csv"


def write(path, rows):
    history = History(path, COLUMNS)
    for row in rows:
        history.append(row)
    history.flush()


def test_rows_are_written_as_plain_csv_and_read_back_to_the_last_bit(path):
    write(path, ROWS)
    assert path.read_bytes() == TEXT
    columns = read(path)
    assert list(zip(*columns.values(), strict=True)) == ROWS
    assert math.copysign(1, columns["best"][3]) == -1


def test_numbers_of_numpy_are_numbers(path):
    write(path, [(np.int64(7), np.float32(0.1), np.float64(np.nan))])
    assert path.read_bytes() == b"generation,best,steps\n7,0.10000000149011612,nan\n"
    assert math.isnan(read(path)["steps"][0])


def test_a_row_waits_for_flush(path):
    history = History(path, COLUMNS)
    history.append(ROWS[0])
    assert read(path)["generation"] == []
    history.flush()
    history.flush()
    assert read(path)["generation"] == [0]


def test_torn_at_every_byte_a_history_is_cut_and_goes_on_as_if_nothing_had_been(path):
    second_last = TEXT.index(b"2,inf")
    for length in range(second_last, len(TEXT) + 1):
        path.write_bytes(TEXT[:length])
        assert set(read(path)["generation"]) <= {0, 1, 2, 3}
        for generation in (0, 1):
            path.write_bytes(TEXT[:length])
            trim(path, generation)
            write(path, ROWS[generation + 1 :])
            assert path.read_bytes() == TEXT


def test_torn_in_the_header_a_history_begins_anew(path):
    for length in range(TEXT.index(b"\n") + 2):
        path.write_bytes(TEXT[:length])
        assert not any(read(path).values())
        trim(path, 3)
        write(path, ROWS)
        assert path.read_bytes() == TEXT


def test_killed_at_every_call_of_trimming_no_row_that_is_kept_is_lost(path):
    path.write_bytes(TEXT)
    for _ in every_kill(lambda: trim(path, 1)):
        assert path.read_bytes() in {TEXT, TEXT[: TEXT.index(b"2,inf")]}
        path.write_bytes(TEXT)


def test_what_needs_no_cut_is_not_written_again(path):
    trim(path, 3)
    assert not path.exists()
    path.write_bytes(TEXT)
    before = path.stat().st_ino
    trim(path, 3)
    assert path.stat().st_ino == before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_rows_that_cannot_be_written_wait_and_are_written_once(path, code):
    rows = [(index, 0.5, 10**9) for index in range(300)]
    told = 0

    def flush():
        path.write_bytes(TEXT[: TEXT.index(b"0,0.1")])
        histories.append(History(path, COLUMNS))
        for row in rows:
            histories[-1].append(row)
        histories[-1].flush()

    histories = []
    for names, error in every_failure(code, flush):
        if error is not None:
            told += 1
            assert isinstance(error, StorageFailed)
            if "write" in names:
                histories[-1].flush()
                assert read(path)["generation"] == list(range(300))
    assert told >= 6


def test_rows_are_synced_when_they_are_flushed(path):
    history = History(path, COLUMNS)
    history.append(ROWS[0])
    with interposed(lambda _number, _name: None) as names:
        history.flush()
    assert names == ["open", "write", "fsync", "close"]


def test_a_history_that_somebody_shortened_is_told_and_left_as_it_is(path):
    write(path, ROWS[:2])
    history = History(path, COLUMNS)
    path.write_bytes(TEXT[:30])
    history.append(ROWS[2])
    with pytest.raises(StorageFailed, match=r"it has 30 bytes, expected \d+"):
        history.flush()
    assert path.read_bytes() == TEXT[:30]


def test_rows_are_not_written_through_a_link(path):
    history = History(path, COLUMNS)
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    history.append(ROWS[0])
    with pytest.raises(StorageFailed, match=f"cannot write to {path}"):
        history.flush()
    assert elsewhere.read_bytes() == before


def test_a_history_that_is_gone_while_the_run_goes_on_is_told(path):
    history = History(path, COLUMNS)
    path.unlink()
    history.append(ROWS[0])
    with pytest.raises(StorageFailed, match="see where it went"):
        history.flush()
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        b"\n",
        b"best,generation\n",
        b"generation,generation\n",
        b"generation,\n",
        b"generation,best\n0,0.1,3\n",
        b"generation,best\n0\n",
        b"generation,best\n0,\n",
        b"generation,best\n0,x\n",
        b"generation,best\n0,1_0\n",
        b"generation,best\n0, 1\n",
        b"generation,best\n0,=1+1\n",
        b"generation,best\n0.5,1\n",
        b"generation,best\nnan,1\n",
        b"generation,best\n-1,1\n",
        b"generation,best\n\n",
        b"generation,best\r\n0,1\r\n",
        b"generation,best\n0,\xff\n",
        b"\x80\x04\x95\n",
    ],
)
def test_nonsense_is_refused(path, text):
    path.write_bytes(text)
    with pytest.raises(FileRefused, match="is not a history"):
        read(path)
    with pytest.raises(FileRefused, match="is not a history"):
        trim(path, 10)
    assert path.read_bytes() == text


def test_generations_must_grow(path):
    path.write_bytes(b"generation\n1\n1\n")
    with pytest.raises(FileRefused, match="generation 1 follows 1"):
        read(path)


def test_no_history_to_read_is_told(path):
    with pytest.raises(UsageError, match="no such file"):
        read(path)


def test_other_columns_are_refused(path):
    write(path, ROWS)
    with pytest.raises(FileRefused, match="expected"):
        History(path, ("generation", "best"))
    assert path.read_bytes() == TEXT


@pytest.mark.parametrize("columns", [(), ("best", "generation"), ("generation", "a,b"), ("generation", "")])
def test_impossible_columns_are_refused(path, columns):
    with pytest.raises(ValueError, match="columns are words"):
        History(path, columns)


def test_a_row_of_another_length_is_refused(path):
    with pytest.raises(ValueError, match="a row has 3 values"):
        History(path, COLUMNS).append((1, 2.0))
