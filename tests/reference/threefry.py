"""Threefry-2x32 (Salmon et al. 2011) and the normal numbers made of it, in whole numbers of Python and float64."""

import math

MASK = 0xFFFFFFFF
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def threefry2x32(counter, key, rounds=13):
    words = (*key, 0x1BD11BDA ^ key[0] ^ key[1])
    x0, x1 = ((x + k) & MASK for x, k in zip(counter, key, strict=True))
    for done in range(1, rounds + 1):
        x0 = (x0 + x1) & MASK
        by = ROTATIONS[(done - 1) % 8]
        x1 = (x1 << by & MASK | x1 >> 32 - by) ^ x0
        if done % 4 == 0:
            turn = done // 4
            x0 = (x0 + words[turn % 3]) & MASK
            x1 = (x1 + words[(turn + 1) % 3] + turn) & MASK
    return x0, x1


def normals(state, row, columns):
    """Return a row of the normal numbers of the stream with this digest, a block of 512 columns after the other."""
    key = (int.from_bytes(state[:4], "little"), int.from_bytes(state[4:8], "little"))
    numbers = []
    for block in range(-(-columns // 512)):
        cosines, sines = [], []
        for place in range(256 * block, 256 * block + 256):
            radius_word, angle_word = threefry2x32((place, row), key)
            radius = math.sqrt(-2 * math.log(((radius_word >> 1) + 0.5) / 2**31))
            from_middle = ((angle_word << 2 & MASK) + 2**31) % 2**32 - 2**31  # of the quarter of a turn
            angle = ((angle_word >> 30) + from_middle / 2**32) * math.pi / 2
            cosines.append(radius * math.cos(angle))
            sines.append(radius * math.sin(angle))
        numbers += cosines + sines
    return numbers[:columns]
