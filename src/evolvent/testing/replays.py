"""Does the same seed give the same episode: in the environment that has played others since, and in a fresh one?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from evolvent.testing.findings import Finding, finding
from evolvent.testing.gym_episode_check import Played, first_difference, play
from evolvent.testing.surroundings import generators, scramble

GLOBAL = "It draws from a generator that all of a process share: draw from self.np_random, which reset(seed=seed) seeds."
OTHER = "Look for the time, a generator that no seed reaches, os.urandom, hash() and the order of a set."


def same_again(fresh: Callable[[], AbstractContextManager[Any]], seed: int, played: Played, later: Played) -> Iterator[Finding]:
    """Yield what is otherwise when an episode is played again.

    Args:
        fresh: Gives a fresh environment, which is closed at the end of its context; there is one at a time.
        seed: Of the episode.
        played: How it went.
        later: How it went in the same environment, after others.
    """
    most = len(played.digests) - 1
    anew = [_played_anew(fresh, seed, most, number) for number in (102, 103)]
    if found := first_difference_of([played.digests, *anew]):
        alike = [_played_anew(fresh, seed, most, 104) for _ in range(2)]
        yield finding("not_deterministic", found=found, mend=OTHER if first_difference(*alike) else GLOBAL)
    elif found := first_difference(played.digests, later.digests):
        yield finding("leaks_state", found=f"in an environment that has played other episodes, {found}")


def first_difference_of(episodes: Sequence[list[str]]) -> str | None:
    """Return where the first of several episodes and another one part; None where all are the same."""
    differences = (first_difference(episodes[0], other) for other in episodes[1:])
    return next((each for each in differences if each), None)


def seeded_globals(env: Any, seed: int, most: int) -> Finding | None:
    """Return whether an episode leaves the generators that all share in a state of its own choice."""
    states: list[dict[str, int]] = []
    for number in (105, 106):
        scramble(number)
        before = generators()
        play(env, seed, most)
        states.append({name: state for name, state in generators().items() if state != before[name]})
    seeded = [name for name, state in states[0].items() if states[1].get(name) == state]
    return finding("seeds_globals", found=" and ".join(seeded)) if seeded else None


def _played_anew(fresh: Callable[[], AbstractContextManager[Any]], seed: int, most: int, number: int) -> list[str]:
    scramble(number)
    with fresh() as env:
        return play(env, seed, most).digests
