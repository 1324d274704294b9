"""Pole balancing: the equations, where episodes begin and end, what they pay, and how the worlds are known."""

import itertools
import math
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_gymnasium

from evolvent.algorithms import CMAES
from evolvent.envs import ENVS, make_env
from evolvent.envs.pole_dynamics import OnePole, TwoPoles
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions
from evolvent.jit import kernel
from evolvent.networks import MLP
from evolvent.own_ids import OWN_IDS
from evolvent.policies.actions import num_outputs
from evolvent.seeding import Draw, stream
from evolvent.tasks import CompiledEnv
from evolvent.testing import check_env, same_bits
from tests.reference import poles as reference

ONE, TWO = [(0.5, 0.1)], [(0.5, 0.1), (0.05, 0.01)]
TWELVE_DEGREES, THIRTY_SIX_DEGREES = 0.20943951023931953, 0.628329
STEADY = np.array([-1.697445, -3.60223889, -67.09538775, -17.76059173, 48.83279887, 4.35490088])  # [N], a linear regulator
DRAW = Draw(np.uint64(0), 1)


class World(NamedTuple):
    """What the tests know of a world."""

    state: Any
    poles: list[tuple[float, float]]
    limit: float
    scale: tuple[float, ...]  # random states lie within
    shown: tuple[int, ...]  # which numbers of the state


EVERY = (4.8, 2.0, 0.52, 2.0, 0.52, 2.0)
WORLDS = {
    "SinglePole-v0": World(OnePole, ONE, TWELVE_DEGREES, (2.6, 4.0, 0.25, 3.0), (0, 1, 2, 3)),
    "SinglePoleNoVelocity-v0": World(OnePole, ONE, TWELVE_DEGREES, (2.6, 4.0, 0.25, 3.0), (0, 2)),
    "DoublePole-v0": World(TwoPoles, TWO, THIRTY_SIX_DEGREES, (2.6, 4.0, 0.7, 3.0, 0.7, 5.0), (0, 1, 2, 3, 4, 5)),
    "DoublePoleNoVelocity-v0": World(TwoPoles, TWO, THIRTY_SIX_DEGREES, (2.6, 4.0, 0.7, 3.0, 0.7, 5.0), (0, 2, 4)),
}
OURS = [env_id for env_id in OWN_IDS if env_id.startswith(("Single", "Double"))]
COMPILED_ANYWAY = {"SinglePole-v0", "DoublePoleNoVelocityDamping-v0"}


def states_of(world, count=400):
    """Return states `(n, k)`: random ones, and some in which the cart rests."""
    rng = np.random.default_rng(0)
    states = rng.uniform(-1.0, 1.0, (count, len(world.scale))) * world.scale
    states[::10, 1] = 0.0
    return states, rng.uniform(-1.0, 1.0, count)


# --- the equations ---


@pytest.mark.parametrize("env_id", WORLDS)
def test_a_step_from_anywhere_is_that_of_the_equations_and_the_compiled_one_to_the_bit(env_id):
    world, env = WORLDS[env_id], ENVS[env_id]
    states, actions = states_of(world)
    compiled, ends = kernel(env.step), []
    for state, action in zip(states.tolist(), actions.tolist(), strict=True):
        after, paid, fell = env.step(world.state(*state), (action,), DRAW)
        np.testing.assert_allclose(after, reference.step(state, 10.0 * action, world.poles), rtol=1e-12, atol=1e-12)
        assert bool(fell) == reference.fallen(after, world.limit)
        assert paid == 1.0 - fell
        np.testing.assert_allclose(env.observe(after), [after[k] / EVERY[k] for k in world.shown], rtol=1e-15)
        assert compiled(world.state(*state), (action,), DRAW) == (after, paid, fell)
        ends.append(bool(fell))
    assert 20 < sum(ends) < len(ends) - 20


@pytest.mark.parametrize("env_id", ["SinglePole-v0", "DoublePole-v0"])
def test_arrays_of_states_step_side_by_side(env_id):
    world, env = WORLDS[env_id], ENVS[env_id]
    states, actions = states_of(world, 20)
    after, paid, fell = env.step(world.state(*states.T), (actions,), DRAW)
    for k, (state, action) in enumerate(zip(states.tolist(), actions.tolist(), strict=True)):
        alone = env.step(world.state(*state), (action,), DRAW)
        assert ([float(each[k]) for each in after], paid[k], fell[k]) == (list(alone[0]), alone[1], alone[2])


@pytest.mark.parametrize("env_id", ["SinglePole-v0", "DoublePole-v0"])
def test_energy_is_lost_to_friction_alone(env_id):
    world, env = WORLDS[env_id], ENVS[env_id]
    state = world.state(*([0.0, 0.4, 0.3, 0.1, -0.2, 0.3][: len(world.scale)]))
    before, lost, least = reference.energy(state, world.poles), 0.0, 0.0
    for _ in range(25):
        after, _, _ = env.step(state, (0.0,), DRAW)
        power = [reference.MU_C * abs(each[1]) + reference.MU_P * sum(w**2 for w in each[3::2]) for each in (state, after)]
        lost, least = lost + 0.02 * sum(power) / 2, least + 0.02 * min(power)
        state = after
    assert least > 1e-5
    assert math.isclose(before - reference.energy(state, world.poles), lost, abs_tol=0.02 * lost)


LIMITS = [  # a number of the state, how far it may go, and whether the world has two poles
    *((0, 2.4, env_id) for env_id in ("SinglePole-v0", "DoublePole-v0")),
    *((2, TWELVE_DEGREES, "SinglePole-v0"), (2, THIRTY_SIX_DEGREES, "DoublePole-v0"), (4, THIRTY_SIX_DEGREES, "DoublePole-v0")),
]


@pytest.mark.parametrize(("k", "limit", "env_id"), LIMITS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_an_episode_ends_beyond_each_limit_and_not_before(k, limit, env_id, side):
    world, env = WORLDS[env_id], ENVS[env_id]

    def ended(distance):
        start = np.zeros(len(world.scale))
        start[k] = side * distance
        start[k + 1] = side * 0.5
        after, _, fell = env.step(world.state(*start.tolist()), (0.0,), DRAW)
        return bool(fell), abs(after[k])

    assert ended(limit - 0.06) == (False, pytest.approx(limit, abs=0.059))
    assert ended(limit) == (True, pytest.approx(limit, abs=0.059))


# --- whole episodes ---


@pytest.mark.parametrize("env_id", OURS)
def test_it_begins_where_the_papers_begin(env_id):
    if env_id == "DoublePoleNoVelocityStarts-v0":
        return
    for key in (0, 3, 2**64 - 1):
        state: Any = ENVS[env_id].reset(Draw(np.uint64(key), 0))
        state = getattr(state, "poles", state)
        assert list(state) == [0.0, 0.0, 0.07, 0.0, 0.0, 0.0][: len(state)]


def steady_for(steps):
    """Return a regulator that gives up after so many steps."""
    return lambda state, k: float(np.clip(STEADY @ state / 10.0, -1.0, 1.0)) if k < steps else 1.0


@pytest.mark.parametrize("steps", [0, 40, 99, 100, 130, 400, 1000])
def test_the_return_under_damping_is_gruaus_fitness_however_the_episode_ends(steps):
    env, choose = ENVS["DoublePoleNoVelocityDamping-v0"], steady_for(steps)
    state, total, path, fell = env.reset(Draw(7, 0)), 0.0, [], False
    while len(path) < env.spec.max_episode_steps and not fell:
        before = list(map(float, state.poles))
        action = choose(np.array(before), len(path))
        state, paid, fell = env.step(state, (action,), Draw(7, len(path) + 1))
        np.testing.assert_allclose(state.poles, reference.step(before, 10.0 * action, TWO), rtol=1e-12, atol=1e-12)
        total += paid
        path += [] if fell else [list(map(float, state.poles))]
    assert fell == (steps < 1000)
    assert len(path) >= steps
    assert math.isclose(total, reference.damping_fitness(path), rel_tol=1e-9)
    assert (total > 1.0) == (steps == 1000)


def test_who_stands_still_under_damping_is_not_paid_without_end():
    env: Any = ENVS["DoublePoleNoVelocityDamping-v0"]
    state = env.reset(Draw(0, 0))._replace(poles=TwoPoles(*(0.0,) * 6))
    _, paid, _ = env.step(state, (0.0,), Draw(0, 100))
    assert math.isfinite(paid)


# --- the 625 starts ---

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
STARTS = [
    (a * 4.32 - 2.16, b * 2.70 - 1.35, c * 0.12566304 - 0.06283152, d * 0.30019504 - 0.15009752, 0.0, 0.0)
    for a, b, c, d in itertools.product(SHARES, repeat=4)
]


def test_the_seeds_below_625_are_the_625_starts():
    reset = ENVS["DoublePoleNoVelocityStarts-v0"].reset
    met = [tuple(map(float, reset(Draw(np.uint64(key), 0)))) for key in range(625)]
    np.testing.assert_allclose(met, STARTS, rtol=0, atol=1e-15)
    assert len(set(met)) == 625


def test_any_other_seed_is_one_of_them_as_well():
    reset = ENVS["DoublePoleNoVelocityStarts-v0"].reset
    keys = [625, 2**63, *map(int, stream(0, "starts").bits((3000,)))]
    met = [tuple(map(float, reset(Draw(key, 0)))) for key in keys]
    whole = {tuple(map(float, reset(Draw(key, 0)))) for key in range(625)}
    assert set(met) <= whole
    assert len(set(met)) > 600


@pytest.mark.slow
@pytest.mark.compiled
def test_in_lanes_each_seed_is_the_same_start():
    env = ENVS["DoublePoleNoVelocityStarts-v0"]
    described = replace(env, describe=itself)
    network = MLP(sizes=(3, 1))
    seeds = np.arange(627, dtype=np.uint64)[None]
    seeds[0, -2:] = 2**63, 2**64 - 1
    with closing(CompiledEnv(described, network, lanes=16)) as task:
        evaluation = task.evaluate(np.zeros((1, network.dim), np.float32), Conditions(seeds=seeds, episode_cap=1))
    assert evaluation.descriptors is not None
    expected = [env.step(env.reset(Draw(int(key), 0)), (0.0,), DRAW)[0] for key in seeds[0]]
    assert evaluation.descriptors[0].tolist() == [list(map(float, state)) for state in expected]


def itself(state):
    return tuple(state)


# --- learning ---


def evaluations_until_solved(task, seed):
    """Return how many individuals CMA-ES measures until one balances for 100,000 steps; 5,000 where none does."""
    algorithm, measured = CMAES(sigma=0.3), 0
    state = algorithm.init(np.zeros((15, task.network.dim), np.float32), stream(seed, "init"))
    for generation in range(5000 // 15):
        population, state = algorithm.ask(state, stream(seed, generation, "ask"))
        evaluation = task.evaluate(population, Conditions(seeds=np.zeros((15, 1), np.uint64)))
        solvers = np.flatnonzero(evaluation.returns[:, 0] >= 100_000)
        if len(solvers):
            return measured + int(solvers[0]) + 1
        measured += 15
        state = algorithm.tell(state, population, evaluation)
    return 5000


@pytest.mark.slow
@pytest.mark.compiled
def test_cma_es_balances_two_poles_in_fewer_evaluations_than_published():
    network = MLP(sizes=(6, 6, 1), activation="tanh", output_activation="tanh", biases=False)
    with closing(CompiledEnv(ENVS["DoublePole-v0"], network)) as task:
        counts = [evaluations_until_solved(task, seed) for seed in range(2000, 2005)]
    assert max(counts) < 5000
    assert np.mean(counts) <= 895  # Igel 2003, a mean of 50 runs


# --- keyword arguments ---


def test_the_second_pole_may_be_longer():
    env = make_env("DoublePole-v0", second_length=0.5)
    states, actions = states_of(WORLDS["DoublePole-v0"], 20)
    for state, action in zip(states.tolist(), actions.tolist(), strict=True):
        after, _, _ = env.step(TwoPoles(*state), (action,), DRAW)
        np.testing.assert_allclose(after, reference.step(state, 10.0 * action, [(0.5, 0.1), (0.25, 0.05)]), rtol=1e-12)


def test_the_first_pole_may_lean_otherwise():
    for env_id in ("SinglePoleNoVelocity-v0", "DoublePole-v0", "DoublePoleNoVelocity-v0", "DoublePoleNoVelocityDamping-v0"):
        state: Any = make_env(env_id, start_angle=-0.1).reset(Draw(0, 0))
        assert list(getattr(state, "poles", state))[:4] == [0.0, 0.0, -0.1, 0.0]


@pytest.mark.parametrize(("action", "force"), [(0.0, 2.0), (-0.0, 2.0), (-0.1, -2.0), (0.1, 2.0), (0.5, 5.0), (-1.0, -10.0)])
@pytest.mark.parametrize("env_id", ["SinglePole-v0", "DoublePoleNoVelocity-v0"])
def test_a_push_is_no_weaker_than_the_least(env_id, action, force):
    world, env = WORLDS[env_id], make_env(env_id, least_force=2)
    start = [0.0] * len(world.scale)
    after, _, _ = env.step(world.state(*start), (action,), DRAW)
    np.testing.assert_allclose(after, reference.step(start, force, world.poles), rtol=1e-12)


@pytest.mark.parametrize(
    ("env_id", "name", "value"),
    [
        ("SinglePole-v0", "start_angle", 0.3),
        ("DoublePole-v0", "start_angle", -0.7),
        ("DoublePole-v0", "second_length", 0.09),
        ("DoublePoleNoVelocityStarts-v0", "second_length", 1.1),
        ("DoublePoleNoVelocityDamping-v0", "least_force", -1.0),
        ("SinglePoleNoVelocity-v0", "least_force", 11.0),
    ],
)
def test_a_number_out_of_its_range_is_refused(env_id, name, value):
    with pytest.raises(UsageError, match=rf"^env_kwargs: {name}: expected a number from \S+ to \S+, got {value:g}$"):
        make_env(env_id, **{name: value})


# --- as worlds ---


@pytest.mark.slow
@pytest.mark.parametrize("env_id", OURS)
def test_our_own_checker_finds_nothing(env_id, monkeypatch):
    if env_id not in COMPILED_ANYWAY:  # its step is that of one that is
        monkeypatch.setattr(same_bits, "COMPILES", False)
    check_env(ENVS[env_id], episodes=3)


@pytest.mark.filterwarnings("ignore:.*A Box observation space m", "ignore:.*For Box action spaces, we recommend")
@pytest.mark.parametrize("env_id", OWN_IDS)
def test_gymnasiums_own_checker_finds_nothing(env_id):
    with closing(gymnasium.make(f"evolvent:{env_id}", render_mode="rgb_array")) as env:
        check_gymnasium(env.unwrapped)


@pytest.mark.parametrize("env_id", OWN_IDS)
def test_gymnasium_is_told_what_the_world_says_of_itself(env_id):
    spec, told = ENVS[env_id].spec, gymnasium.spec(env_id)
    assert OWN_IDS[env_id] == (spec.max_episode_steps, spec.reward_threshold)
    assert (told.max_episode_steps, told.reward_threshold) == OWN_IDS[env_id]
    assert spec.id == env_id
    assert num_outputs(spec.action_space) >= 1


ORDERS = {
    "ours first": "import evolvent, sys; assert not {'gymnasium', 'numba'} & {*sys.modules}; import gymnasium",
    "Gymnasium first": "import gymnasium, evolvent",
    "Gymnasium alone": "import gymnasium",
}


@pytest.mark.parametrize("order", ORDERS)
def test_gymnasium_knows_the_ids_whichever_is_imported_first(order):
    made = (
        "env = gymnasium.make('evolvent:DoublePole-v0', second_length=0.2); print(env.reset(seed=1)[0].shape, env.spec.kwargs)"
    )
    unchanged = "assert gymnasium.__loader__ is gymnasium.__spec__.loader; assert 'evolvent' not in str(gymnasium.__loader__)"
    code = "; ".join([ORDERS[order], made, unchanged])
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.stderr, run.stdout) == ("", "(6,) {'env_id': 'DoublePole-v0', 'second_length': 0.2}\n")


def test_an_id_that_is_taken_stays_with_who_has_it():
    code = (
        "import gymnasium; gymnasium.register('SinglePole-v0', entry_point='somebody:Else'); import evolvent;"
        " print(gymnasium.spec('SinglePole-v0').entry_point, gymnasium.spec('DoublePole-v0').entry_point)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "somebody:Else evolvent.tasks.own_worlds:make\n"


def test_a_picture_shows_where_the_cart_is_and_how_the_poles_lean():
    for env_id in OURS:
        env: Any = ENVS[env_id]
        state = env.reset(Draw(0, 0))
        damped = hasattr(state, "poles")
        poles = state.poles if damped else state
        moved = [poles._replace(position=position) for position in (0.0, 1.0)]
        frames = [env.picture(state._replace(poles=each) if damped else each) for each in moved]
        assert all(frame.shape == (400, 600, 3) and frame.dtype == np.uint8 for frame in frames)
        carts = [np.flatnonzero((frame[290] == 0).all(axis=1)).mean() for frame in frames]
        assert math.isclose(carts[1] - carts[0], 125.0, abs_tol=1.0)
