"""Small populations to be measured in worlds that misbehave on demand, and what was measured without a fault."""

from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np

from evolvent.engines import Inline, Processes
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.tasks.gym_env import GymEnv

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


def same(one, other, who=None):
    """Tell whether two evaluations hold the same bits: for all individuals, with the same problems, or for some."""
    for name in ARRAYS:
        a, b = (getattr(each, name) for each in (one, other))
        if a is not b and (a.dtype != b.dtype or a[who].tobytes() != b[who].tobytes()):
            return False
    return who is not None or one.problems == other.problems


@contextmanager
def warm(workers=2, **settings):
    """Give an engine whose workers have measured something, so that its limits of time are those of a run."""
    with closing(Processes(workers, **settings)) as engine:
        while any(seat.fresh for seat in engine._seats) or not engine._seats:
            engine.evaluate(world("slow", value=0.02, step=1), rows(2 * workers), conditions(2 * workers, 1))
        yield engine


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
