"""The digest of a run: a chain over what every generation was and achieved."""

from __future__ import annotations

import hashlib

from evolvent.arrays import Population, Returns

FIRST = hashlib.sha256(b"evolvent").hexdigest()


def chained(digest: str, population: Population, returns: Returns) -> str:
    """Return the digest of a run that comes by one more generation.

    Args:
        digest: What the generations before came to, `FIRST` for none.
        population: `(pop, dim)`, the rows of this generation.
        returns: `(pop, episodes)`, what the world paid them.

    Returns:
        64 hexadecimal digits, which depend on every bit of all generations.
    """
    return hashlib.sha256(bytes.fromhex(digest) + population.tobytes() + returns.tobytes()).hexdigest()
