"""Normalised observations: the same bits in every task, engine and policy, and kept in the policy's file."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import evolvent as ev
from evolvent.engines import Inline, Processes
from evolvent.envs import CARTPOLE
from evolvent.errors import FileRefused, UsageError
from evolvent.evaluation import Conditions
from evolvent.files import pack_tensors, parse_json, read_tensors
from evolvent.files.strict_json import dump_json
from evolvent.jit import COMPILES
from evolvent.moments import Moments, merged_in_order
from evolvent.networks import MLP, make_network
from evolvent.policies.observations import encoder
from evolvent.seeding import stream
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv, MujocoEnv
from evolvent.tasks.gym_env import GymEnv

LANES = 4 if COMPILES else 1
NETWORK = make_network("elman", 4, (2,), 2)
START = Moments(count=10, mean=np.array([0.01, -0.1, 0.02, 0.3]), squares=np.array([0.05, 4.0, 0.0, 2.0]))
SPACES: dict[str, Any] = {"observation_space": Box.symmetric((np.inf,) * 4), "action_space": Discrete(n=2)}
SHOWN = replace(CARTPOLE, spec=replace(CARTPOLE.spec, id="normalised/CartPole-v0"))
ev.register(SHOWN)
ROWS = NETWORK.initialise(7, stream(1, "rows"))
ROWS[2] = np.nan
SEEDS = stream(2, "episodes").bits((7, 3))


def conditions(normaliser=START, cap=30):
    return Conditions(seeds=SEEDS, normaliser=normaliser, episode_cap=cap)


def same(one, other):
    assert one.moments.count == other.moments.count
    assert one.failed.tolist() == other.failed.tolist()
    for name in ("returns", "steps", "fitness"):
        assert getattr(one, name)[~one.failed].tobytes() == getattr(other, name)[~one.failed].tobytes()
    for name in ("mean", "squares"):
        assert getattr(one.moments, name).tobytes() == getattr(other.moments, name).tobytes()


# --- tasks and engines ---


class Seen(gymnasium.Env):
    """Shows a dict of a choice and a number, and keeps what it showed; `kept` is all of it."""

    observation_space = spaces.Dict({"choice": spaces.Discrete(3), "number": spaces.Box(-9.0, 9.0, (1,))})
    action_space = spaces.Discrete(2)
    kept: list[Any] = []  # noqa: RUF012 - of all environments, for the test

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        return self.shown(), {}

    def shown(self):
        shown = {"choice": self.np_random.integers(3), "number": self.np_random.normal(2.0, 3.0, 1).clip(-9, 9)}
        self.kept.append(shown)
        return shown

    def step(self, action):
        return self.shown(), float(action), bool(self.np_random.random() < 0.2), False, {}


def test_what_is_normalised_of_a_dict_are_the_networks_inputs():
    network = MLP(sizes=(4, 2))
    rows = network.initialise(3, stream(1, "rows"))
    rows[1] = np.nan
    Seen.kept.clear()
    with closing(GymEnv("tests.test_normalised_policy:Seen", network)) as task:
        found: Any = task.evaluate(rows, Conditions(seeds=SEEDS[:3], normaliser=START))
    policy = ev.Policy(
        network, rows[0], observation_space=task.spec.observation_space, action_space=Discrete(n=2), normaliser=START
    )
    inputs, seen, first = np.zeros(4), [], iter(Seen.kept)
    show = encoder(task.spec.observation_space, inputs)
    for i, e in np.ndindex(3, 3):
        shown = [next(first) for _ in range(found.steps[i, e] + 1)] if i != 1 else [next(first)]
        for each in shown[:-1]:
            show(each)
            seen.append(inputs.copy())
        if i == 0:
            assert found.returns[i, e] == sum(policy.act(each) for each in shown[:-1])
    assert found.failed.tolist() == [False, True, False]
    assert found.moments.count == len(seen)
    np.testing.assert_allclose(found.moments.mean, np.mean(seen, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.moments.deviation, np.std(seen, axis=0), rtol=1e-10)


def test_a_python_environment_and_a_compiled_world_agree():
    """Gymnasium's worlds show float32 where compiled ones show float64, which moments tell in their last digits."""
    compiled, python = CompiledEnv(CARTPOLE, NETWORK, lanes=LANES), GymEnv(SHOWN.spec.id, NETWORK)
    with closing(compiled), closing(python):
        for normaliser in (START, Moments.of_none(4)):
            one: Any = compiled.evaluate(ROWS, conditions(normaliser))
            other: Any = python.evaluate(ROWS, conditions(normaliser))
            assert other.fitness.tolist() == pytest.approx(one.fitness.tolist(), nan_ok=True, rel=0)
            assert other.moments.count == one.moments.count
            np.testing.assert_allclose(other.moments.mean, one.moments.mean, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(other.moments.deviation, one.moments.deviation, rtol=1e-5)
        assert one.failed.tolist() == [index == 2 for index in range(7)]
        assert one.moments.count == one.steps[~one.failed].sum()
        assert python.evaluate(ROWS, Conditions(seeds=SEEDS, episode_cap=30)).moments is None


@pytest.mark.compiled
@pytest.mark.timeout(180)
def test_any_number_of_workers_merges_to_the_same_bits():
    task = GymEnv("CartPole-v1", NETWORK)
    expected = Inline().evaluate(task, ROWS, conditions())
    for workers in (1, 2, 3):
        with closing(Processes(workers)) as engine:
            same(engine.evaluate(task, ROWS, conditions()), expected)
    task.close()


def in_cartpole(threads):
    return CompiledEnv(CARTPOLE, NETWORK, lanes=LANES, threads=threads), ROWS


def in_mujoco(threads):
    pytest.importorskip("mujoco")
    network = MLP(sizes=(4, 1))
    return MujocoEnv("InvertedPendulum-v5", network, threads=threads), network.initialise(7, stream(1, "rows"))


@pytest.mark.parametrize("made", [in_cartpole, in_mujoco])
def test_neither_threads_nor_who_is_measured_with_whom_change_the_moments(made):
    """Individuals measured apart are merged as an engine merges them that gives them to several workers."""
    expected: Any = None
    for threads in (1, 2, 3):
        task, rows = made(threads)
        with closing(task):
            whole: Any = task.evaluate(rows, conditions())
            expected = expected or whole
            same(whole, expected)
    with closing(made(1)[0]) as task:
        each: Any = [task.evaluate(rows[i : i + 1], replace(conditions(), seeds=SEEDS[i : i + 1])) for i in range(7)]
    merged = merged_in_order([alone.moments for alone in each])
    assert merged.count == expected.moments.count
    assert merged.mean.tobytes() == expected.moments.mean.tobytes()
    assert merged.squares.tobytes() == expected.moments.squares.tobytes()


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_merged_in_order_is_the_whole_whatever_is_left_out(count):
    values = np.random.default_rng(0).normal([3.0, -1e3], [1.0, 20.0], (count, 5, 2))
    parts = [Moments(count=5, mean=each.mean(axis=0), squares=((each - each.mean(axis=0)) ** 2).sum(axis=0)) for each in values]
    merged, nothing = merged_in_order(parts), Moments.of_none(2)
    assert merged.count == 5 * count
    np.testing.assert_allclose(merged.mean, values.reshape(-1, 2).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(merged.deviation, values.reshape(-1, 2).std(axis=0), rtol=1e-12)
    with_gaps = merged_in_order([each for part in parts for each in (part, nothing, nothing)], episodes=3)
    assert with_gaps.count == merged.count
    assert with_gaps.mean.tobytes() == merged.mean.tobytes()
    assert with_gaps.squares.tobytes() == merged.squares.tobytes()
    assert merged_in_order([nothing] * count).count == 0


# --- policies ---


def policy_of(normaliser: Moments | None = START):
    return ev.Policy(NETWORK, ROWS[0], **SPACES, normaliser=normaliser)


def test_a_policy_is_shown_what_it_was_evolved_with():
    observations = stream(3, "x").normal((6, 4)).astype(np.float64)
    shown = (observations - START.mean) * START.scale
    assert policy_of().outputs(observations).tobytes() == policy_of(None).outputs(shown).tobytes()
    assert (shown[:, 2] == 0).all()
    assert policy_of().outputs(observations).tolist() != policy_of(None).outputs(observations).tolist()


def test_a_policy_plays_the_very_episode_that_was_measured():
    env = gymnasium.make(SHOWN.spec.id)
    with closing(CompiledEnv(CARTPOLE, NETWORK)) as task:
        found = task.evaluate(ROWS, conditions())
    policy = policy_of()
    for e, seed in enumerate(SEEDS[0].tolist()):
        policy.reset(seed)
        observation, _ = env.reset(seed=seed)
        steps, over = 0, False
        while steps < 30 and not over:
            observation, _, over, _, _ = env.step(policy.act(observation))
            steps += 1
        assert steps == found.steps[0, e]
    env.close()


def test_moments_of_another_size_are_refused():
    with pytest.raises(UsageError, match=r"^normaliser: expected the moments of 4 numbers"):
        policy_of(Moments.of_none(3))


def test_a_file_keeps_the_normaliser(tmp_path):
    loaded = ev.load_policy(policy_of().save(tmp_path / "policy.safetensors"))
    assert loaded.normaliser is not None
    assert loaded.normaliser.count == 10
    assert loaded.normaliser.mean.tobytes() == START.mean.tobytes()
    assert loaded.normaliser.squares.tobytes() == START.squares.tobytes()
    assert ev.load_policy(policy_of(None).save(tmp_path / "policy.safetensors")).normaliser is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("normaliser.mean", np.zeros(3), r"tensor 'normaliser.mean': expected float64 \(4,\), got float64 \(3,\)"),
        ("normaliser.mean", np.zeros(4, np.float32), "tensor 'normaliser.mean': expected float64"),
        ("normaliser.mean", None, "tensor 'normaliser.mean': expected float64 .* got nothing"),
        ("normaliser.mean", np.full(4, np.inf), "not finite"),
        ("normaliser.squares", -np.ones(4), "expected sums of squares, got negative numbers"),
        ("count", -1, "normaliser: expected a count from 0"),
        ("count", 2**60, "normaliser: expected a count from 0"),
        ("count", 1.5, '"count" must be an integer'),
        ("more", 1, 'unknown key "more"'),
        ("whole", None, "unknown tensor 'normaliser.mean'"),
    ],
)
def test_a_file_with_an_odd_normaliser_is_refused(tmp_path, name, value, message):
    path = policy_of().save(tmp_path / "policy.safetensors")
    tensors, metadata = read_tensors(path)
    said: Any = parse_json(metadata["policy"], "")
    if name == "whole":
        del said["normaliser"]
    elif "." not in name:
        said["normaliser"][name] = value
    elif value is None:
        del tensors[name]
    else:
        tensors[name] = value
    path.write_bytes(pack_tensors(tensors, {**metadata, "policy": dump_json(said)}))
    with pytest.raises(FileRefused, match=message):
        ev.load_policy(path)
