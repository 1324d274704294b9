"""Philox-4x32-10 (Salmon et al. 2011) and the streams made of it, in whole numbers of Python."""

import hashlib

MASK = 0xFFFFFFFF


def philox4x32(counter, key, rounds=10):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def digest(seed, *address):
    state = hashlib.sha256(f"evolvent {seed}".encode()).digest()
    for name in address:
        label = f"{type(name).__name__}:{name}"
        state = hashlib.sha256(state + label.encode()).digest()
    return state


def words(state, row, column):
    """Return the four words at a row and column of the stream with this digest."""
    k0, k1, a0, a1 = (int.from_bytes(state[i : i + 4], "little") for i in (0, 4, 8, 12))
    return philox4x32((column, row, a0, a1), (k0, k1))
