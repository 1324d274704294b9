"""Episodes in MuJoCo without Python between two steps, on threads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any

from evolvent.arrays import Population
from evolvent.crew import Crew
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation
from evolvent.jit import COMPILES
from evolvent.networks import Network
from evolvent.policies.acting import refuse_misfits
from evolvent.policies.action_noise import with_noise
from evolvent.policies.actions import AUTO, fitting_rule
from evolvent.spaces import Box
from evolvent.tasks.base import refuse_odd_shapes
from evolvent.tasks.gym_env import make, spec_of
from evolvent.tasks.jobs import Jobs, Results, carry_out, empty_results, evaluation_of, jobs_of, no_jobs
from evolvent.tasks.mujoco import library
from evolvent.tasks.mujoco.rollout import Rollout, compile_rollout
from evolvent.tasks.mujoco.simulation import Simulation
from evolvent.tasks.mujoco.worlds import WORLDS


def unavailable(env_id: str) -> str | None:
    """Return in words why `MujocoEnv` cannot run `env_id`, None if it can.

    Args:
        env_id: A Gymnasium id.

    Returns:
        The reason, for a caller that runs Gymnasium's environment instead, and says so.

    Examples:
        >>> unavailable("CartPole-v1").partition(",")[0]
        'CartPole-v1 is not one of Ant-v5'
    """
    if env_id not in WORLDS:
        return f"{env_id} is not one of {', '.join(sorted(WORLDS))}"
    return library.problem()


class MujocoEnv:
    """Measures populations in one of Gymnasium's MuJoCo environments, stepped by compiled code.

    Observations, rewards and ends are those of Gymnasium's environment; first states have the same distribution, and depend on
    the episode's seed alone. An episode that shows a number that is not finite, or whose network gives one, fails its
    individual.

    Args:
        env_id: One of `WORLDS`.
        network: What turns observations into outputs; its sizes fit the environment's spaces.
        env_kwargs: Keyword arguments of `gymnasium.make`, with the meaning that they have there.
        action_rule: What makes actions of outputs: clipped or tanh; "auto" is clipped.
        action_noise: As for `CompiledEnv`.
        threads: How many threads share the episodes. Their number never changes a result.
        normalised: As for `CompiledEnv`.

    Raises:
        UsageError: The environment is not one of these, or MuJoCo is missing, or of a version that is not known.
    """

    def __init__(  # noqa: PLR0913 - the world, what acts in it, and how it is compiled and run
        self,
        env_id: str,
        network: Network,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        action_rule: str = AUTO,
        action_noise: float = 0.0,
        threads: int = 1,
        normalised: bool = False,
    ) -> None:
        """Build Gymnasium's environment once, for its model and settings, and compile the rollout."""
        if threads < 1:
            raise UsageError(f"threads: expected at least 1, got {threads}")
        if reason := unavailable(env_id):
            raise UsageError(f"env: {reason}")
        self.network = network
        self._world = WORLDS[env_id]
        with library.quiet():
            env = make(env_id, env_kwargs=env_kwargs)
        try:
            self.spec = spec_of(env_id, env)
            refuse_misfits(network, self.spec.observation_space, self.spec.action_space)
            self._rule = with_noise(fitting_rule(action_rule, self.spec.action_space), self.spec.action_space, action_noise)
            self._settings = self._settings_of(env.unwrapped)
            num_threads = threads if COMPILES else 1
            self._simulations = _simulations(env.unwrapped, num_threads)
        finally:
            env.close()
        self._rollouts: dict[bool, Rollout] = {}
        self._crew = Crew(num_threads, "evolvent-mujoco")
        try:
            self._rollout(normalised=normalised)
        except BaseException:
            self._crew.close()
            raise

    def evaluate(self, population: Population, conditions: Conditions) -> Evaluation:
        """Return what `population (pop, dim)` achieves; an interrupt stops the threads after their current episodes.

        Where the conditions hold a normaliser, the evaluation holds the moments of what was observed, failed episodes left
        out.
        """
        refuse_odd_shapes(population, conditions, self.network.dim)
        normalised = conditions.normaliser is not None
        size = self.spec.observation_space.width
        jobs = jobs_of(population, conditions, size, self.spec.max_episode_steps)
        results = empty_results(conditions.seeds.shape, num_sums=2 * size * normalised)
        carry_out(self._crew, jobs, partial(self._share, self._rollout(normalised=normalised), jobs, results))
        return evaluation_of(jobs, results)

    def close(self) -> None:
        """End the threads."""
        self._crew.close()

    def _settings_of(self, env: Any) -> Any:
        try:
            return self._world.settings(env)
        except (AttributeError, TypeError, KeyError) as problem:
            raise UsageError(
                f"env: {self.spec.id} of the installed Gymnasium is not as compiled code knows it: {problem}"
            ) from problem

    def _share(self, rollout: Rollout, jobs: Jobs, results: Results) -> None:
        """Do what jobs there are, in a simulation that no other thread is in, not even one that outlived an interrupt."""
        data, simulation = self._simulations.get()
        try:
            rollout(jobs, results, simulation, self._settings)
        finally:
            self._simulations.put((data, simulation))

    def _rollout(self, *, normalised: bool) -> Rollout:
        """Return the rollout, compiled off the main thread, which an interrupt can then reach."""
        if normalised not in self._rollouts:
            (self._rollouts[normalised],) = self._crew.do([partial(self._compiled, normalised=normalised)])
        return self._rollouts[normalised]

    def _compiled(self, *, normalised: bool) -> Rollout:
        """Return the rollout once a call without jobs has compiled it."""
        action_space = self.spec.action_space
        assert isinstance(action_space, Box)  # noqa: S101 - all of these worlds have forces for actions
        rollout = compile_rollout(self._world, self.network, action_space, rule=self._rule, normalised=normalised)
        self._share(rollout, no_jobs(self.network.dim), empty_results((0, 1)))
        return rollout


def _simulations(env: Any, count: int) -> SimpleQueue[tuple[Any, Simulation]]:
    """Return simulations that are free to be used, each with the data that it lies in."""
    free: SimpleQueue[tuple[Any, Simulation]] = SimpleQueue()
    model = library.lean_copy(env.model)
    for _ in range(count):
        data = library.new_data(model)
        free.put(((model, data), library.simulation_of(model, data, env.init_qpos, env.init_qvel)))
    return free
