"""Worlds that show something else than a vector of numbers: evolved in, kept, shown and refused."""

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import evolvent as ev
from evolvent.envs import CARTPOLE, Env
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.networks import MLP
from evolvent.reporting.stage import Stage
from evolvent.spaces import Discrete, TupleSpace
from evolvent.tasks import CompiledEnv
from evolvent.tasks.gym_env import GymEnv, describe

PICTURE = spaces.Box(0, 255, (2, 2, 1), np.uint8)
SHOWN = {
    "Number": spaces.Box(0.0, 3.0, ()),
    "Discrete": spaces.Discrete(4, start=-1),
    "Multi": spaces.MultiDiscrete([2, 2], start=[1, 5]),
    "Bits": spaces.MultiBinary(2),
    "Picture": PICTURE,
    "Tuple": spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary([1, 1])]),
    "Dict": spaces.Dict({"low": spaces.Discrete(2), "high": spaces.Tuple([spaces.Box(0.0, 1.0, (1,))])}),
}
SHORT = {"generations": 2, "population": 8, "episodes": 1, "validation_episodes": 2, "test_episodes": 2, "engine": "inline"}


def as_shown(kind, number):
    """Show a number from 0 to 3 in a space, in a buffer of its own."""
    high, low = divmod(number, 2)
    return {
        "Number": np.array(float(number), np.float32),
        "Discrete": np.int64(number - 1),
        "Multi": np.array([1 + high, 5 + low]),
        "Bits": np.array([high, low], np.int8),
        "Picture": np.array([255 * high, 255 * low, 0, 9], np.uint8).reshape(2, 2, 1),
        "Tuple": (low, np.array([[high]], np.int8)),
        "Dict": {"low": np.int64(low), "high": (np.array([high], np.float32),)},
    }[kind]


def wipe(shown):
    """Overwrite what an array that was shown held."""
    if isinstance(shown, np.ndarray) and shown.ndim:
        shown.fill(1)
    elif isinstance(shown, dict | tuple):
        for part in shown.values() if isinstance(shown, dict) else shown:
            wipe(part)


class Sorts(gymnasium.Env):
    """Shows eight numbers from 0 to 3, two of each; for telling 1 and 2 from 0 and 3 it pays 1."""

    action_space = spaces.Discrete(2)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, kind, odd=None, render_mode=None):
        self.kind, self.odd, self.render_mode = kind, odd, render_mode
        self.observation_space = SHOWN[kind]
        self.shown = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.numbers = self.np_random.permutation(np.arange(8) % 4).tolist()
        return self.look(), {}

    def look(self):
        wipe(self.shown)
        self.shown = as_shown(self.kind, self.numbers[-1] if self.numbers else 0)
        return self.odd if self.odd is not None and len(self.numbers) == 5 else self.shown

    def step(self, action):
        right = int(action) == (self.numbers.pop() in {1, 2})
        return self.look(), float(right), not self.numbers, False, {}

    def render(self):
        return np.zeros((8, 8, 3), np.uint8)


def register(env_id, **settings):
    entry_point: Any = Sorts
    gymnasium.register(env_id, entry_point, kwargs=settings, max_episode_steps=20)


for name in SHOWN:
    register(f"shown/{name}-v0", kind=name)


def evaluated(name, odd):
    """Measure one individual for one episode in a world that shows something odd after its third step."""
    env_id = f"shown/Odd{name}-v0"
    register(env_id, kind=name, odd=odd)
    network = MLP(sizes=(describe(env_id).observation_space.width, 2))
    task = GymEnv(env_id, network)
    try:
        return task.evaluate(np.zeros((1, network.dim), np.float32), Conditions(seeds=np.array([[4]], np.uint64)))
    finally:
        task.close()
        gymnasium.registry.pop(env_id)


@pytest.mark.parametrize("name", SHOWN)
def test_a_policy_is_evolved_kept_measured_and_shown_whatever_the_world_shows(tmp_path, name):
    run = ev.evolve(f"shown/{name}-v0", runs_dir=tmp_path, seed=1, target=7.5, **{**SHORT, "generations": 40, "population": 60})
    assert run.score.mean > 6
    policy = ev.load_policy(run.best.save(tmp_path / "policy.safetensors"))
    world = Sorts(name)
    observation, total = world.reset(seed=0)[0], 0.0
    for _ in range(8):
        observation, reward, *_ = world.step(policy.act(observation))
        total += reward
    assert total > 6
    with Stage(policy, f"shown/{name}-v0", "rgb_array") as stage:
        *_, last = stage.episode(0)
    assert last.total_reward > 6


@pytest.mark.parametrize("begins", ["FrozenLake-v", "Blackjack-v", "CliffWalking-v", "Taxi-v"])
def test_gymnasiums_worlds_of_choices_can_be_evolved_in(begins):
    env_id = max(known for known in gymnasium.registry if known.startswith(begins))
    run = ev.evolve(env_id, runs_dir=None, max_steps=12, hidden=(2,), **{**SHORT, "population": 5})
    assert math.isfinite(run.score.mean)
    assert run.best.observation_space == describe(env_id).observation_space


@pytest.mark.parametrize(
    ("name", "odd", "words"),
    [
        ("Discrete", 3, "step 3: observation: expected a whole number from -1 to 2, got 3"),
        ("Bits", [0, 2], "step 3: observation: expected 0 or 1, got 2 at [1]"),
        (
            "Tuple",
            (1, [[0], [0]]),
            "step 3: observation: expected zeros and ones of shape (1, 1), got int64 of shape (2, 1) at [1]",
        ),
        ("Dict", {"low": 1}, "step 3: observation: expected a dict with the keys high, low, got a dict with the keys low"),
        ("Dict", {"low": 1, "high": ([math.nan],)}, "step 3: observation: expected finite numbers, got nan at high[0][0]"),
    ],
)
def test_an_odd_observation_fails_its_individual_and_the_place_is_named(name, odd, words):
    evaluation = evaluated(name, odd)
    assert evaluation.failed.tolist() == [True]
    assert [f"step {problem.step}: {problem.text}" for problem in evaluation.problems or ()] == [words]


def test_a_number_outside_its_part_of_a_space_is_said_with_its_name(caplog):
    evaluation = evaluated("Dict", {"low": 1, "high": ([3.0],)})
    assert not evaluation.failed.any()
    assert (
        "an observation lies outside its space: 3.0 at high[0][0] after step 3, expected 0.0 to 1.0; said once" in caplog.text
    )


def test_that_pictures_are_mere_numbers_is_said_once(caplog):
    ev.evolve("shown/Picture-v0", runs_dir=None, **SHORT)
    assert caplog.text.count("shown/Picture-v0 shows pictures: each of their numbers is an input of its own") == 1
    caplog.clear()
    ev.evolve("shown/Dict-v0", runs_dir=None, **SHORT)
    assert "pictures" not in caplog.text


def test_a_picture_that_is_too_large_is_refused_with_what_makes_it_smaller(monkeypatch):
    monkeypatch.setitem(SHOWN, "Large", spaces.Box(0, 255, (210, 160, 3), np.uint8))
    register("shown/Large-v0", kind="Large")
    words = r"^shown/Large-v0: an observation in Box\(0, 255, \(210, 160, 3\), uint8\) is 100,800 inputs, .*ResizeObservation"
    with pytest.raises(UsageError, match=words):
        ev.evolve("shown/Large-v0", runs_dir=None, **SHORT)
    gymnasium.registry.pop("shown/Large-v0")


def test_a_policy_of_another_space_is_not_shown_in_a_world():
    run = ev.evolve("shown/Discrete-v0", runs_dir=None, **SHORT)
    for name in SHOWN.keys() - {"Discrete"}:
        with pytest.raises(
            UsageError, match=rf"^the policy does not fit shown/{name}-v0: it is for observations in Discrete\("
        ):
            Stage(run.best, f"shown/{name}-v0", "rgb_array")


@pytest.mark.parametrize("space", [Discrete(n=4), TupleSpace((CARTPOLE.observation_space,))])
def test_a_compiled_world_shows_a_box(space):
    spec = ev.EnvSpec(
        id="Odd",
        observation_space=space,
        action_space=CARTPOLE.spec.action_space,
        max_episode_steps=9,
        reward_threshold=None,
    )
    env = Env(spec=spec, reset=CARTPOLE.reset, observe=CARTPOLE.observe, step=CARTPOLE.step)
    with pytest.raises(UsageError, match=r"^env: Odd: expected a Box for the observation_space of a compiled world, got "):
        CompiledEnv(env, MLP(sizes=(4, 2)))
