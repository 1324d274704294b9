"""Damages bytes, and has them read without a disk, which makes a hundred thousand files a matter of seconds."""

import os

from evolvent.files import read_bytes
from evolvent.files.disk import START

MUTATIONS = int(os.environ.get("EVOLVENT_MUTATIONS", "5000"))

_PIECES = (b'"', b"0", b"9", b"{", b"[", b"\0", b"\xff", b"-", b"e", b"\n", b",", b".", b"=", b"nan", b"\\u0000", b"[[[[[[[[")


def mutated(data, dice):
    """Change a few bytes, cut, insert, repeat or swap a piece."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        place = dice.randrange(len(changed) + 1)
        piece = changed[place : place + dice.choice((1, 2, 8, 40))]
        kind = dice.randrange(6)
        if kind == 0:
            del changed[place:]
        elif kind == 1:
            del changed[place : place + len(piece)]
        elif kind == 2:
            changed[place:place] = dice.randbytes(dice.choice((1, 2, 8)))
        elif kind == 3:
            changed[place:place] = piece * dice.choice((1, 2, 100))
        else:
            changed[place : place + 1] = dice.choice((dice.randbytes(1), *_PIECES))
    return bytes(changed)


class Memory:
    """Stands in for `read_bytes` at `place`: every file that `content` has no bytes for is read as it is."""

    def __init__(self, monkeypatch, place):
        self.content = {}
        monkeypatch.setattr(place, self)

    def __call__(self, path, limit=1 << 33, *, follow_links=True, check_start=None):
        if path not in self.content:
            return read_bytes(path, limit, follow_links=follow_links, check_start=check_start)
        data = self.content[path]
        if check_start is not None:
            check_start(data[:START], len(data))
        return data
