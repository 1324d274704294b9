"""What a MuJoCo world cannot do without: the calls of MuJoCo's functions that our episodes make, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import evolvent as ev
from evolvent.arrays import Population, Seeds
from evolvent.jit import kernel
from evolvent.policies.acting import Act, compile_act
from evolvent.seeding import Draw
from evolvent.tasks.mujoco import MujocoEnv, library
from evolvent.tasks.mujoco.simulation import Simulation, clear, settle, simulate
from evolvent.tasks.mujoco.worlds import WORLDS


class Episodes(NamedTuple):
    """Episodes as they were played: first states, the controls of each step, and lengths."""

    qpos: NDArray[np.float64]
    qvel: NDArray[np.float64]
    controls: NDArray[np.float32]
    lengths: NDArray[np.int64]


def repeat(simulation: Simulation, episodes: Episodes, frame_skip: int) -> int:
    """Let MuJoCo do again what it did, and return the number of steps."""
    for episode in range(len(episodes.lengths)):
        clear(simulation)
        for k in range(len(simulation.qpos)):
            simulation.qpos[k] = episodes.qpos[episode, k]
        for k in range(len(simulation.qvel)):
            simulation.qvel[k] = episodes.qvel[episode, k]
        settle(simulation)
        for k in range(episodes.lengths[episode]):
            simulate(simulation, episodes.controls[episode, k], frame_skip)
    return episodes.lengths.sum()


class Floor:
    """Repeats the episodes that a task measures.

    Args:
        env: The Gymnasium environment.
        task: Ours of the same id.
        population: Who plays.
        seeds: `(pop, 1)`.
        cap: After so many steps an episode is truncated.

    Raises:
        RuntimeError: What was recorded is not what the task measures.
    """

    def __init__(self, env: Any, task: MujocoEnv, population: Population, seeds: Seeds, cap: int) -> None:
        """Play the episodes step by step, and keep what is needed to repeat them."""
        self._data = library.new_data(env.model)
        self._frame_skip = int(env.frame_skip)
        self._simulation = library.simulation_of(env.model, self._data, env.init_qpos, env.init_qvel)
        self._repeat = kernel(repeat)
        count = len(population)
        self._episodes = Episodes(
            qpos=np.zeros((count, env.model.nq)),
            qvel=np.zeros((count, env.model.nv)),
            controls=np.zeros((count, cap, env.model.nu), np.float32),
            lengths=np.zeros(count, np.int64),
        )
        act, step = compile_act(task.network, task.spec.action_space), _stepper(env, task.spec.id, self._simulation)
        for k, row in enumerate(population):
            self._record(k, row, act, step, seeds[k, 0])
        measured = task.evaluate(population, ev.Conditions(seeds=seeds, episode_cap=cap))
        end = self._simulation.qpos.copy()
        self.repeat()
        if self._episodes.lengths.tolist() != measured.steps[:, 0].tolist() or not np.array_equal(end, self._simulation.qpos):
            raise RuntimeError(f"{task.spec.id}: the recorded episodes are not those that are measured")

    def repeat(self) -> int:
        """Repeat all of them and return the number of steps."""
        return int(self._repeat(self._simulation, self._episodes, self._frame_skip))

    def _record(self, k: int, row: Any, act: Act, step: Any, seed: np.uint64) -> None:
        begin, observe, advance = step
        episodes, simulation = self._episodes, self._simulation
        begin(seed)
        episodes.qpos[k], episodes.qvel[k] = simulation.qpos, simulation.qvel
        terminated = False
        while episodes.lengths[k] < episodes.controls.shape[1] and not terminated:
            controls = episodes.controls[k, episodes.lengths[k]]
            actions = np.zeros((1, len(controls)))
            act(row, observe(), actions)
            controls[:] = actions[0]
            terminated = advance(controls)
            episodes.lengths[k] += 1


def _stepper(env: Any, env_id: str, simulation: Simulation) -> tuple[Callable[..., Any], ...]:
    """Return how our world of `env_id` is begun, seen and stepped from Python."""
    world = WORLDS[env_id]
    settings = world.settings(env)
    start, observe, advance = kernel(world.start), kernel(world.observe), kernel(world.step)
    clear_all, settle_all = kernel(clear), kernel(settle)
    values = np.zeros((1, env.observation_space.shape[0]))

    def begin(seed: np.uint64) -> None:
        clear_all(simulation)
        start(simulation, settings, Draw(seed, 0))
        settle_all(simulation)

    def see() -> NDArray[np.float64]:
        observe(simulation, settings, values[0])
        return values

    def go_on(controls: NDArray[np.float32]) -> bool:
        result: Any = advance(simulation, settings, controls)
        return bool(result[1])

    return begin, see, go_on
