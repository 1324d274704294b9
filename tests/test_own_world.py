"""A world of one's own: as a Gymnasium environment, and under an id."""

import logging
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium

import evolvent as ev
from evolvent.envs import CARTPOLE, ENVS, Env, EnvSpec
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.lanes import absolute, cos, where
from evolvent.networks import MLP
from evolvent.seeding import stream, uniform
from evolvent.spaces import Box, Discrete
from evolvent.tasks import CompiledEnv
from evolvent.tasks.gym_env import GymEnv

WIND = 0.3
PUSH = Box.symmetric((1.0,))


class State(NamedTuple):
    position: Any
    velocity: Any


def reset(draw):
    return State(2.0 * uniform(draw, 0) - 1.0, 0.0)


def observe(state):
    return state.position, state.velocity, cos(state.position)


def step(state, action, draw):
    velocity = 0.9 * state.velocity + 0.1 * action[0] + WIND * (uniform(draw, 0) - 0.5)
    position = state.position + 0.1 * velocity
    over = absolute(position) > 1.0
    return State(position, velocity), where(over, -10.0, 1.0 - absolute(position)), over


def picture(state):
    frame = np.zeros((8, 16, 3), np.uint8)
    frame[:, int(np.clip(8 + 8 * state.position, 0, 15))] = 255
    return frame


def world(env_id="own/Windy-v0", *, action_space: Box | Discrete = PUSH, **changes):
    spec = EnvSpec(
        id=env_id,
        observation_space=Box.symmetric((2.0, 3.0, 1.0)),
        action_space=action_space,
        max_episode_steps=40,
        reward_threshold=30.0,
    )
    return Env(**{"spec": spec, "reset": reset, "observe": observe, "step": step, "picture": picture} | changes)


WINDY = world()


@pytest.fixture(autouse=True)
def _forgets_worlds():
    """Let no test see the worlds that another one has registered."""
    registries: Any = (ENVS, gymnasium.registry)
    before = [dict(registry) for registry in registries]
    yield
    for registry, known in zip(registries, before, strict=True):
        registry.clear()
        registry.update(known)


# --- as a Gymnasium environment ---


@pytest.mark.parametrize("env", [WINDY, world(action_space=Discrete(n=3, start=-1))], ids=["box", "discrete"])
def test_gymnasiums_own_checker_finds_nothing(env):
    check_gymnasium(ev.as_gymnasium(env).unwrapped, skip_render_check=True)


def test_gymnasiums_checker_finds_nothing_in_the_pictures_of_a_registered_world():
    ev.register(WINDY)
    with closing(gymnasium.make("own/Windy-v0", render_mode="rgb_array")) as env:
        check_gymnasium(env.unwrapped)


def test_a_picture_is_what_the_world_draws():
    with closing(ev.as_gymnasium(WINDY, "rgb_array")) as env:
        observation, _ = env.reset(seed=3)
        frame: Any = env.render()
        assert frame.tolist() == picture(State(observation[0], 0.0)).tolist()
        assert env.metadata["render_modes"] == ["rgb_array"]


def test_a_window_shows_what_the_world_draws(monkeypatch):
    pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    ev.register(WINDY)
    with closing(gymnasium.make("own/Windy-v0", render_mode="human")) as env:
        env.reset(seed=3)
        env.step(np.zeros(1, np.float32))
        assert env.render_mode == "human"


@pytest.mark.parametrize(("env", "mode"), [(CARTPOLE, "rgb_array"), (CARTPOLE, "human"), (WINDY, "ansi")])
def test_what_cannot_be_shown_is_refused(env, mode):
    with pytest.raises(UsageError, match=f"render_mode: {env.spec.id} .* got '{mode}'"):
        ev.as_gymnasium(env if env is WINDY else replace(env, picture=None), mode)


def test_episodes_are_repeated_by_their_seed_and_differ_without_one():
    env = ev.as_gymnasium(WINDY)
    firsts = [env.reset(seed=seed)[0].tolist() for seed in (5, 5, None, None, 5)]
    assert firsts[0] == firsts[1] == firsts[4]
    assert len({str(first) for first in firsts}) == 3


def noting(given, **settings):
    """Return a world that notes the actions it is given, and in which nothing happens."""

    def noting_step(state, action, _):
        given.append(action)
        return state, 1, False

    return world(step=noting_step, **settings)


def test_an_episode_is_truncated_at_the_limit_and_not_before():
    env = ev.as_gymnasium(noting([]))
    env.reset(seed=0)
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(40)]
    assert ends == [(False, False)] * 39 + [(False, True)]


def test_a_step_before_the_reset_is_refused():
    with pytest.raises(gymnasium.error.ResetNeeded):
        ev.as_gymnasium(WINDY).unwrapped.step(np.zeros(1))


@pytest.mark.parametrize("action", [2, -2, 0.5, [0, 0], "left"])
def test_an_odd_discrete_action_is_refused(action):
    env = ev.as_gymnasium(world(action_space=Discrete(n=3, start=-1)))
    env.reset(seed=0)
    with pytest.raises(UsageError, match=r"action: expected one of Discrete\(3, start=-1\)"):
        env.step(action)


def test_a_discrete_action_counts_from_its_start():
    given = []
    env = ev.as_gymnasium(noting(given, action_space=Discrete(n=3, start=-1)))
    env.reset(seed=0)
    for action in (-1, np.int64(0), 1):
        env.step(action)
    assert given == [(0.0,), (1.0,), (2.0,)]


def test_a_continuous_action_reaches_its_bound_in_float64():
    given = []
    env = ev.as_gymnasium(noting(given, action_space=Box.symmetric((0.1,))))
    env.reset(seed=0)
    for action in (np.float32(0.1), np.float32(-0.1), np.float32(0.05), 5.0):
        env.step(np.array([action]))
    assert given == [(0.1,), (-0.1,), (float(np.float32(0.05)),), (0.1,)]


@pytest.mark.compiled
@pytest.mark.parametrize("action_space", [Box.symmetric((0.1,)), Discrete(n=3)], ids=["box", "discrete"])
def test_episodes_of_a_seed_are_the_same_compiled_and_in_gymnasium(action_space):
    env = world(action_space=action_space)
    ev.register(env)
    network = MLP(sizes=(3, 4, action_space.size if isinstance(action_space, Box) else 3))
    population = network.initialise(6, stream(2, "first"))
    conditions = Conditions(seeds=stream(2, "episodes").bits((6, 3)))
    with closing(CompiledEnv(env, network)) as compiled, closing(GymEnv(env.spec.id, network)) as stepped:
        ours, theirs = (task.evaluate(population, conditions) for task in (compiled, stepped))
    assert ours.returns.tolist() == theirs.returns.tolist()
    assert ours.steps.tolist() == theirs.steps.tolist()
    assert len(np.unique(ours.returns)) > 5


# --- under an id ---


def test_a_registered_world_is_known_to_evolvent_and_to_gymnasium():
    ev.register(WINDY)
    assert ENVS["own/Windy-v0"] is WINDY
    with closing(gymnasium.make("own/Windy-v0")) as env:
        assert env.spec is not None
        assert (env.spec.max_episode_steps, env.spec.reward_threshold) == (40, 30.0)
        assert env.reset(seed=1)[0].tolist() == ev.as_gymnasium(WINDY).reset(seed=1)[0].tolist()


@pytest.mark.compiled
def test_a_registered_world_can_be_evolved_in():
    ev.register(WINDY)
    run = ev.evolve("own/Windy-v0", generations=2, validation_episodes=5, runs_dir=None)
    assert run.config.world == "compiled"
    assert np.isfinite(run.score.mean)


def test_the_same_world_again_is_no_news(caplog):
    with caplog.at_level(logging.WARNING, "evolvent"):
        ev.register(WINDY)
        ev.register(world())
        again = FunctionType(step.__code__, dict(globals()), "step")  # as a file that is imported anew makes one
        ev.register(world(step=again))
    assert not caplog.text
    assert ENVS["own/Windy-v0"].step is again


@pytest.mark.parametrize(
    "other",
    [
        world(step=FunctionType(step.__code__, {**globals(), "WIND": 0.4}, "step")),
        world(action_space=Discrete(n=2)),
    ],
    ids=["another constant", "another space"],
)
def test_another_world_of_the_same_id_takes_its_place_and_says_so(other, caplog):
    ev.register(WINDY)
    with caplog.at_level(logging.WARNING, "evolvent"):
        ev.register(other)
    assert "own/Windy-v0: another world of this id was registered before" in caplog.text
    assert ENVS["own/Windy-v0"] is other
    with closing(gymnasium.make("own/Windy-v0")) as env:
        env.reset(seed=1)
        assert env.action_space == ev.as_gymnasium(other).action_space


@pytest.mark.parametrize(
    ("env_id", "reason"),
    [
        ("CartPole-v1", "one of Evolvent's own worlds"),
        ("Blackjack-v1", r"registered with Gymnasium already; .*check_same_world\(env, 'Blackjack-v1'"),
        ("Windy", "expected a name with a version"),
        ("my world-v0", "expected a name with a version"),
        ("module:Windy-v0", "expected a name with a version"),
        ("a/b/Windy-v0", "expected a name with a version"),
        ("", "expected a name with a version"),
    ],
)
def test_an_id_that_cannot_be_used_is_refused(env_id, reason):
    before = dict(ENVS)
    with pytest.raises(UsageError, match=f"id: .*{reason}"):
        ev.register(world(env_id))
    assert before == ENVS


# --- the guide ---

ROOT = Path(__file__).parents[1]


def test_the_guide_shows_the_example_as_it_is():
    guide = (ROOT / "docs" / "own-world.md").read_text(encoding="utf-8")
    example = (ROOT / "examples" / "own_world.py").read_text(encoding="utf-8")
    world, _, rest = guide.partition("## Is it right?")
    parts = [part for block in re.findall(r"```python\n(.*?)```", world, re.DOTALL) for part in block.split("\n\n\n")]
    assert len(parts) == 8
    for part in [*parts, re.findall(r"^SETTINGS = .*$", rest, re.MULTILINE)[0]]:
        assert part.strip() in example
