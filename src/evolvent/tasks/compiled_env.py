"""Episodes in a compiled world, on threads."""

from __future__ import annotations

from functools import partial

import numpy as np

from evolvent.arrays import Population
from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation, mean_return
from evolvent.jit import COMPILES
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.crew import Crew
from evolvent.tasks.rollout import compile_rollout


class CompiledEnv:
    """Measures populations in a compiled world.

    Args:
        env: The world.
        network: What turns observations into outputs; its sizes fit the world's spaces.
        threads: How many threads share the episodes. Their number never changes a result.

    Examples:
        >>> from evolvent.envs import CARTPOLE
        >>> from evolvent.networks import MLP
        >>> from evolvent.seeding import stream
        >>> network = MLP(sizes=(4, 16, 2))
        >>> population = network.initialise(8, stream(0, "first"))
        >>> seeds = stream(0, "episodes").bits((8, 3))
        >>> evaluation = CompiledEnv(CARTPOLE, network).evaluate(population, Conditions(seeds=seeds))
        >>> evaluation.returns.shape
        (8, 3)
    """

    def __init__(self, env: Env, network: Network, *, threads: int = 1) -> None:
        """Compile the rollout of `network` in `env`, or find it compiled."""
        if threads < 1:
            raise UsageError(f"threads: expected at least 1, got {threads}")
        refuse_misfits(network, env.spec.observation_space, env.spec.action_space)
        self.env = env
        self.network = network
        self._crew = Crew(threads if COMPILES else 1, "evolvent-rollout")
        try:  # off the main thread, which an interrupt can then reach
            (self._rollout,) = self._crew.do([partial(compile_rollout, env, network)])
        except BaseException:
            self._crew.close()
            raise

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; an interrupt stops the threads after their current episodes."""
        refuse_odd_shapes(population, conditions, self.network.dim)
        shape = conditions.seeds.shape
        returns, steps = np.zeros(shape), np.zeros(shape, np.int64)
        failed, truncated = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        cap = conditions.episode_cap or self.env.spec.max_episode_steps
        rows, seeds = np.ascontiguousarray(population, np.float32), np.ascontiguousarray(conditions.seeds, np.uint64)
        counter = np.zeros(1, np.int64)
        share = partial(self._rollout, rows, seeds, cap, counter, returns, steps, failed, truncated)
        try:
            self._crew.do([share] * self._crew.size)
        finally:
            counter[0] = seeds.size
        return mean_return(returns, steps, np.logical_or.reduce(failed, axis=1), truncated)

    def close(self) -> None:
        """End the threads."""
        self._crew.close()
