"""Noise on actions: normal, addressed by episode and step, and the same in every form of a world."""

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.envs import make_env
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.policies.action_noise import with_noise
from evolvent.policies.actions import action_rule, draws, fitting_rule
from evolvent.seeding import Draw, stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv
from evolvent.tasks.gym_env import GymEnv

WIDE = Box.symmetric((1e6, 1e6))


def drawn(sigma, keys, steps):
    rule = action_rule(WIDE, with_noise("clipped", WIDE, sigma))
    outputs = (np.float32(3.0), np.float32(-2.0))
    return np.array([[rule(outputs, Draw(np.uint64(key), step)) for step in range(1, steps + 1)] for key in range(keys)])


def test_the_noise_is_normal_and_differs_from_episode_to_episode_step_and_output():
    noise = (drawn(0.5, 40, 50) - [3.0, -2.0]) / 0.5
    assert noise.shape == (40, 50, 2)
    assert len(np.unique(noise)) == noise.size
    assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 4 / np.sqrt(2 * noise.size)
    assert abs((noise**4).mean() - 3) < 0.6
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 4 / np.sqrt(2000)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 4 / np.sqrt(4000)
    assert (drawn(0.5, 2, 3) == drawn(0.5, 2, 3)).all()


def evaluated(make, sigma):
    network = MLP(sizes=(3, 8, 1), activation="tanh")
    population = network.initialise(6, stream(3, "rows"))
    seeds = stream(3, "episodes").bits((6, 2))
    task = make(network, sigma)
    try:
        return task.evaluate(population, Conditions(seeds=seeds, episode_cap=30)).returns
    finally:
        task.close()


def compiled(lanes):
    return lambda network, sigma: CompiledEnv(make_env("Pendulum-v1"), network, action_noise=sigma, lanes=lanes, threads=2)


def test_every_form_of_a_world_adds_the_same_noise():
    gymnasium.register(
        "test_action_noise/Pendulum-v0", lambda **_: ev.as_gymnasium(make_env("Pendulum-v1")), max_episode_steps=200
    )
    alone = evaluated(compiled(1), 0.3)
    assert (evaluated(compiled(8), 0.3) == alone).all()
    there = evaluated(lambda network, sigma: GymEnv("test_action_noise/Pendulum-v0", network, action_noise=sigma), 0.3)
    assert (there == alone).all()
    assert (evaluated(compiled(1), 0.0) != alone).mean() > 0.5


def test_no_policy_and_no_setting_takes_a_rule_with_noise():
    assert draws(WIDE, "clipped~0.1")
    assert not draws(WIDE, "clipped")
    with pytest.raises(UsageError, match=r"action_rule: 'clipped~0\.1' is unknown"):
        fitting_rule("clipped~0.1", WIDE)
    with pytest.raises(UsageError, match="action_rule"):
        ev.Config(action_rule="clipped~0.1")


@pytest.mark.parametrize(
    ("space", "sigma", "message"),
    [
        (Discrete(n=2), 0.1, "action_noise: expected 0 where actions are choices"),
        (WIDE, -1.0, "action_noise: expected a standard deviation"),
        (WIDE, np.inf, "action_noise: expected a standard deviation"),
    ],
)
def test_noise_that_cannot_be_added_is_refused(space, sigma, message):
    with pytest.raises(UsageError, match=message):
        with_noise("clipped", space, sigma)


def test_noise_is_for_training_alone():
    settings = {"population": 8, "generations": 3, "episodes": 1, "validation_episodes": 2, "test_episodes": 3, "hidden": (4,)}
    quiet, noisy = (ev.evolve("Pendulum-v1", action_noise=sigma, runs_dir=None, **settings) for sigma in (0.0, 0.5))
    assert noisy.progress.digest != quiet.progress.digest
    assert noisy.best.action_rule == quiet.best.action_rule  # without noise
    again = ev.evolve("Pendulum-v1", action_noise=0.5, runs_dir=None, **{**settings, "workers": 1})
    assert again.progress.digest == noisy.progress.digest
    with pytest.raises(UsageError, match="action_noise: expected 0 where actions are choices"):
        ev.evolve("CartPole-v1", action_noise=0.5, runs_dir=None, **settings)
