"""Every world is Gymnasium's, step by step, from the same states and under the same actions."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")

from evolvent.jit import kernel
from evolvent.seeding import Draw, stream
from evolvent.tasks.gym_env import make
from evolvent.tasks.mujoco import library, simulation
from evolvent.tasks.mujoco.worlds import WORLDS

STEPS = 240
ROUNDED = {"Humanoid-v5", "InvertedDoublePendulum-v5", "Pusher-v5", "Reacher-v5"}  # NumPy may use other instructions there
clear, settle = kernel(simulation.clear), kernel(simulation.settle)


@dataclass
class Case:
    """A world with keyword arguments, and how far its states are strewn."""

    id: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    spread: float = 0.3

    @property
    def tolerance(self):
        """How far observations and rewards may be from Gymnasium's."""
        return 1e-12 if self.id in ROUNDED else 0.0

    @property
    def name(self):
        return "-".join([self.id.partition("-")[0], *self.kwargs])


CASES = [
    Case("Swimmer-v5"),
    Case("Swimmer-v5", {"frame_skip": 2, "forward_reward_weight": 3, "ctrl_cost_weight": 0.3}),
    Case("Swimmer-v5", {"exclude_current_positions_from_observation": False}),
    Case("HalfCheetah-v5"),
    Case("HalfCheetah-v5", {"frame_skip": 1, "forward_reward_weight": 0.7, "ctrl_cost_weight": 2}),
    Case("HalfCheetah-v5", {"exclude_current_positions_from_observation": False}),
    Case("Hopper-v5"),
    Case("Hopper-v5", {"terminate_when_unhealthy": False, "healthy_reward": 0.1}),
    Case("Hopper-v5", {"healthy_state_range": (-3, 3), "healthy_z_range": (0.5, 2), "healthy_angle_range": (-1, 0.5)}),
    Case("Hopper-v5", {"exclude_current_positions_from_observation": False, "ctrl_cost_weight": 1.5, "frame_skip": 3}),
    Case("Walker2d-v5"),
    Case("Walker2d-v5", {"terminate_when_unhealthy": False, "healthy_reward": 2, "xml_file": "walker2d.xml"}),
    Case("Walker2d-v5", {"healthy_z_range": (1.0, 1.4), "healthy_angle_range": (-0.2, 0.3)}),
    Case("Walker2d-v5", {"exclude_current_positions_from_observation": False, "forward_reward_weight": 2}),
    Case("Ant-v5", spread=0.2),
    Case("Ant-v5", {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.3, "contact_force_range": (-0.5, 30)}),
    Case("Ant-v5", {"main_body": "aux_2", "exclude_current_positions_from_observation": False, "healthy_reward": 0.3}),
    Case("Ant-v5", {"healthy_z_range": (0.6, 0.8), "forward_reward_weight": 2, "ctrl_cost_weight": 0.01, "frame_skip": 2}),
    Case("Ant-v5", {"terminate_when_unhealthy": False, "contact_force_range": (-1000, 1000), "contact_cost_weight": 1}),
    Case("Humanoid-v5", spread=0.2),
    Case("Humanoid-v5", {"include_cinert_in_observation": False, "include_cfrc_ext_in_observation": False}),
    Case("Humanoid-v5", {"include_cvel_in_observation": False, "include_qfrc_actuator_in_observation": False}),
    Case(
        "Humanoid-v5", {"contact_cost_weight": 1e-3, "contact_cost_range": (0.5, 3.0), "ctrl_cost_weight": 3, "frame_skip": 2}
    ),
    Case("Humanoid-v5", {"healthy_z_range": (1.2, 1.5), "healthy_reward": 1, "forward_reward_weight": 0.3}),
    Case("Humanoid-v5", {"terminate_when_unhealthy": False, "exclude_current_positions_from_observation": False}),
    Case("InvertedPendulum-v5", spread=0.2),
    Case("InvertedPendulum-v5", {"frame_skip": 5}),
    Case("InvertedDoublePendulum-v5"),
    Case("InvertedDoublePendulum-v5", {"healthy_reward": 1, "frame_skip": 1}),
    Case("Reacher-v5"),
    Case("Reacher-v5", {"reward_dist_weight": 3, "reward_control_weight": 0.2, "frame_skip": 5}),
    Case("Pusher-v5"),
    Case("Pusher-v5", {"reward_near_weight": 2, "reward_dist_weight": 0.3, "reward_control_weight": 1, "frame_skip": 2}),
]
NAMES = [case.name for case in CASES]


class Pair:
    """Gymnasium's environment, and ours of the same model in data of its own."""

    def __init__(self, case):
        with library.quiet():
            self.env = make(case.id, env_kwargs=case.kwargs)
        self.theirs = self.env.unwrapped
        self.model = library.lean_copy(self.theirs.model)
        self.data = library.new_data(self.model)
        self.ours = library.simulation_of(self.model, self.data, self.theirs.init_qpos, self.theirs.init_qvel)
        world = WORLDS[case.id]
        self.settings = world.settings(self.theirs)
        self.start, self.observe = kernel(world.start), kernel(world.observe)
        self.step: Any = kernel(world.step)
        self.shown = np.zeros(self.env.observation_space.shape)
        self.tolerance = case.tolerance

    def close(self):
        self.env.close()

    def inject(self, qpos, qvel):
        """Put both into a state, as if an episode had just begun in it."""
        with library.quiet():
            self.env.reset(seed=0)
            library.mujoco.mj_resetData(self.theirs.model, self.theirs.data)
            self.theirs.set_state(qpos, qvel)
        clear(self.ours)
        self.ours.qpos[:], self.ours.qvel[:] = qpos, qvel
        settle(self.ours)
        self.compare(self.theirs._get_obs())

    def act(self, action):
        """Step both, compare all, and return whether that ended the episode."""
        with library.quiet():
            observation, reward, terminated, _, _ = self.env.step(action)
        paid, over = self.step(self.ours, self.settings, action)
        self.compare(observation)
        np.testing.assert_allclose(paid, reward, rtol=self.tolerance, atol=self.tolerance)
        assert bool(over) == terminated
        return terminated

    def compare(self, observation):
        self.observe(self.ours, self.settings, self.shown)
        np.testing.assert_allclose(self.shown, observation, rtol=self.tolerance, atol=self.tolerance)
        assert observation.shape == self.shown.shape


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_it_is_gymnasiums_step_by_step(case):
    rng = np.random.default_rng(0)
    with closing(Pair(case)) as pair:
        bound = pair.env.action_space.high
        ends = []
        for k in range(STEPS):
            if k % 20 == 0:  # every other time near the start, and far off else
                spread = case.spread * (k // 20 % 2) + 0.01
                pair.inject(
                    *(each + spread * rng.normal(size=each.shape) for each in (pair.theirs.init_qpos, pair.theirs.init_qvel))
                )
            ends.append(pair.act((1.5 * bound * rng.uniform(-1, 1, bound.shape)).astype(np.float32)))
        if hasattr(pair.theirs, "_terminate_when_unhealthy") and pair.theirs._terminate_when_unhealthy:
            assert set(ends) == {False, True}


@pytest.mark.parametrize("env_id", sorted(WORLDS))
def test_an_episode_begins_as_gymnasiums_do(env_id):
    """Each position and velocity has the mean and the deviation that resets of Gymnasium's show, and the same limits."""
    count = 400
    with closing(Pair(Case(env_id))) as pair:
        ours, theirs = [], []
        for seed in stream(0, "episodes").bits((count,)):
            clear(pair.ours)
            pair.start(pair.ours, pair.settings, Draw(seed, 0))
            ours.append(np.concatenate([pair.ours.qpos, pair.ours.qvel]))
            pair.env.reset(seed=int(seed >> 33))
            theirs.append(pair.theirs.state_vector())
    ours, theirs = np.array(ours), np.array(theirs)
    deviation = theirs.std(axis=0)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 5 * deviation * np.sqrt(2 / count)).all()
    np.testing.assert_allclose(ours.std(axis=0), deviation, rtol=0.2, atol=1e-15)
    np.testing.assert_allclose(np.abs(ours).max(axis=0), np.abs(theirs).max(axis=0), rtol=0.5, atol=1e-15)
    apart = np.corrcoef(ours[:, deviation > 0].T) - np.eye((deviation > 0).sum())
    assert np.abs(apart).max() < 5 / np.sqrt(count)
