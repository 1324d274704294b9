"""Episodes in a compiled world, on threads."""

from __future__ import annotations

from functools import partial

from evolvent.arrays import Population
from evolvent.crew import Crew
from evolvent.envs import Env
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation
from evolvent.jit import COMPILES
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.policies.action_noise import with_noise
from evolvent.policies.actions import AUTO, fitting_rule
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.jobs import carry_out, evaluation_of, jobs_of
from evolvent.tasks.rollout import Rollout, compile_rollout, empty_results

NUMBERS_OF_LANES = (1, 2, 4, 8, 16, 32)


class CompiledEnv:
    """Measures populations in a compiled world.

    Args:
        env: The world.
        network: What turns observations into outputs; its sizes fit the world's spaces.
        action_rule: What makes actions of outputs, a name in `ACTION_RULES`, or "auto": argmax where there are choices,
            clipped in a box.
        action_noise: Standard deviation of normal noise on the outputs that become the actions of a box.
        threads: How many threads share the episodes. Their number never changes a result.
        lanes: How many episodes run side by side in vector registers, 1 for one at a time; None chooses. Neither does theirs.
        normalised: Whether what is compiled at once is for normalised observations; both are compiled when they are needed.

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

    def __init__(  # noqa: PLR0913 - the world, what acts in it, and how it is compiled and run
        self,
        env: Env,
        network: Network,
        *,
        action_rule: str = AUTO,
        action_noise: float = 0.0,
        threads: int = 1,
        lanes: int | None = None,
        normalised: bool = False,
    ) -> None:
        """Compile the rollout of `network` in `env`, or find it compiled."""
        if threads < 1:
            raise UsageError(f"threads: expected at least 1, got {threads}")
        if lanes is not None and lanes not in NUMBERS_OF_LANES:
            raise UsageError(
                f"lanes: expected one of {', '.join(map(str, NUMBERS_OF_LANES))}, or None to choose, got {lanes!r}"
            )
        if not isinstance(env, Env):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"env: expected an Env, such as make_env('CartPole-v1'), got {env!r:.80}")
        refuse_misfits(network, env.observation_space, env.spec.action_space)
        self.env = env
        self.network = network
        self._rule = with_noise(fitting_rule(action_rule, env.spec.action_space), env.spec.action_space, action_noise)
        self._lanes = lanes
        self._rollouts: dict[bool, Rollout] = {}
        self._crew = Crew(threads if COMPILES else 1, "evolvent-rollout")
        try:
            self._rollout(normalised=normalised)
        except BaseException:
            self._crew.close()
            raise

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; an interrupt stops the threads after the episodes they hold.

        Where the conditions hold a normaliser, the evaluation holds the moments of what was observed, failed episodes left
        out.
        """
        refuse_odd_shapes(population, conditions, self.network.dim)
        normalised = conditions.normaliser is not None
        spec = self.env.spec
        jobs = jobs_of(population, conditions, spec.observation_space.width, spec.max_episode_steps)
        results = empty_results(self.env, conditions.seeds.shape, normalised=normalised)
        carry_out(self._crew, jobs, partial(self._rollout(normalised=normalised), jobs, results))
        return evaluation_of(jobs, results)

    def _rollout(self, *, normalised: bool) -> Rollout:
        """Return the rollout, compiled off the main thread, which an interrupt can then reach."""
        if normalised not in self._rollouts:
            job = partial(compile_rollout, self.env, self.network, self._lanes, rule=self._rule, normalised=normalised)
            (self._rollouts[normalised],) = self._crew.do([job])
        return self._rollouts[normalised]

    def close(self) -> None:
        """End the threads."""
        self._crew.close()
