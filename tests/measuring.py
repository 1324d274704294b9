"""Small populations to be measured in worlds that misbehave on demand, and what was measured without a fault."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from evolvent.engines import Inline, worker
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.tasks.gym_env import GymEnv
from evolvent.testing import FaultyEnv

FAULTY = "evolvent.testing:FaultyEnv"
NETWORK = MLP(sizes=(2, 2))
ARRAYS = ("fitness", "returns", "steps", "failed", "truncated")


def world(mode="none", env_id=FAULTY, network=NETWORK, *, fresh_env=False, **arguments):
    return GymEnv(env_id, network, env_kwargs={"mode": mode, **arguments}, fresh_env=fresh_env)


def conditions(pop, episodes, seed=0):
    return Conditions(seeds=stream(seed, "episodes").bits((pop, episodes)))


def rows(pop, network=NETWORK):
    return network.initialise(pop, stream(1, "rows"))


def undisturbed(pop, episodes, seed=0, **arguments):
    """Return what no fault and no other process had a part in."""
    return Inline().evaluate(world(**arguments), rows(pop), conditions(pop, episodes, seed))


def same(one, other, who=slice(None)):
    """Tell whether two evaluations hold the same bits, for some individuals or for all and then the same problems."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ARRAYS]
    bits = all(a is b or (a.dtype == b.dtype and a[who].tobytes() == b[who].tobytes()) for a, b in pairs)
    return bits and (who != slice(None) or one.problems == other.problems)


def others(pop, failed):
    """Return the individuals that are not among those that failed."""
    return np.setdiff1d(np.arange(pop), failed)


def pids(engine):
    """Return the processes of an engine's workers."""
    return [seat.worker.pid for seat in engine._seats]


def is_alive(pid):
    """Tell whether a process lives; one that has ended and that nobody has asked about does not."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


def members(groups):
    """Return the living processes that belong to some process groups."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            state, _, group = (path / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[:3]
            if int(group) in groups and state not in {"Z", "X"}:
                found.append(int(path.name))
    return found


def impatient(seconds, **arguments):
    """Return a world whose worker reports whatever takes so many seconds: 0 makes it a report a job."""
    worker.SECONDS_A_REPORT = seconds
    return FaultyEnv(**arguments)


def parabola(row):
    """Return what a function of the user's, at the top level of a module, returns."""
    return -float(((row - 3) ** 2).sum())


def noisy_parabola(row, seed):
    """Return the same with something of the seed; a row in a few cannot be measured."""
    if row[0] > 1.0:
        raise ValueError("a row like this one cannot be measured")
    return parabola(row) + seed / 2**64
