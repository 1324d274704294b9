"""Action rules: what they make of outputs, which spaces they fit, and that they are the same wherever they run."""

import json
from contextlib import closing
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

import evolvent as ev
from evolvent.envs import ENVS, Env, EnvSpec
from evolvent.errors import FileRefused, UsageError
from evolvent.evaluation import Conditions
from evolvent.policies.acting import compile_act
from evolvent.policies.actions import (
    ACTION_RULES,
    action_rule,
    drawn_evenly,
    fitting_rule,
    for_environment,
    one_for_environment,
    rules_for,
)
from evolvent.reporting.stage import Stage
from evolvent.seeding import Draw, stream, uniform
from evolvent.spaces import Box, DictSpace, Discrete, MultiBinary, MultiDiscrete, TupleSpace
from evolvent.tasks.gym_spaces import space_of
from evolvent.training.scoring import test_seeds as episode_seeds

NOWHERE = Draw(np.uint64(0), 1)
SEEDS = stream(5, "episodes").bits((6, 4))


def acted(space, rule, outputs, draw=NOWHERE):
    """Give the values that a rule makes, in plain Python."""
    with np.errstate(all="ignore"):
        return [float(value) for value in action_rule(space, rule)(tuple(map(np.float32, outputs)), draw)]


# --- what each rule makes of outputs ---


def test_of_several_choices_each_has_its_own_largest_output():
    space = MultiDiscrete(nvec=(3, 1, 2), start=(5, 0, -1))
    assert acted(space, "argmax", [0.0, 2.0, 2.0, -9.0, 1.0, 3.0]) == [1.0, 0.0, 1.0]
    assert for_environment(np.array([[1.0, 0.0, 1.0]]), space).tolist() == [[6, 0, 0]]


def test_a_bit_is_set_where_its_output_is_positive():
    space = MultiBinary(shape=(2, 2))
    bits = acted(space, "argmax", [1e-30, 0.0, -1.0, 9.0])
    assert bits == [1.0, 0.0, 0.0, 1.0]
    handed = for_environment(np.array([bits]), space)
    assert (handed.dtype, handed.tolist()) == (np.int8, [[[1, 0], [0, 1]]])


def test_tanh_stretches_from_bound_to_bound():
    space = Box(low=(-2.0, 0.1), high=(2.0, 7.7), shape=(2,))
    assert acted(space, "tanh", [0.0, 0.0]) == pytest.approx([0.0, 3.9])
    assert acted(space, "tanh", [50.0, 50.0]) == [2.0, 7.7]
    assert acted(space, "tanh", [-50.0, -50.0]) == [-2.0, 0.1]
    x = np.linspace(-3, 3, 61)
    made = np.array([acted(space, "tanh", [each, each]) for each in x])
    np.testing.assert_allclose(made[:, 0], 2 * np.tanh(x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(made[:, 1], 0.1 + (np.tanh(x) + 1) / 2 * 7.6, rtol=1e-6)
    assert made.astype(np.float32).astype(np.float64).tolist() == made.tolist()  # until it is a bound


@pytest.mark.parametrize("rule", ["clipped", "tanh"])
def test_where_there_is_no_bound_nothing_is_cut_off(rule):
    inf = np.inf
    space = Box(low=(-1.0, -inf, 0.0, -inf), high=(1.0, 0.0, inf, inf), shape=(4,))
    assert acted(space, rule, [99.0] * 4) == [1.0, 0.0, 99.0, 99.0]
    assert acted(space, rule, [-99.0] * 4) == [-1.0, -99.0, 0.0, -99.0]


def test_the_largest_bounds_overflow_nowhere():
    most = float(np.finfo(np.float32).max)
    assert acted(Box.symmetric((most,)), "tanh", [0.0]) == [0.0]
    assert acted(Box.symmetric((most,)), "tanh", [40.0]) == [most]
    beyond = Box(low=(-1e300, 0.0), high=(1e300, 1.0), shape=(2,), dtype="float64")  # more than float32 holds is no bound
    assert acted(beyond, "tanh", [3.5, 90.0]) == [3.5, 1.0]


@pytest.mark.parametrize("rule", ["clipped", "tanh"])
def test_a_box_of_whole_numbers_is_given_the_nearest(rule):
    space = Box(low=(-2.0,) * 4, high=(3.0,) * 4, shape=(4,), dtype="int16")
    values = acted(space, rule, [0.2, 0.6, 77.0, -77.0])
    assert values[2:] == [3.0, -2.0]
    assert all(value == round(value) for value in values)
    if rule == "clipped":
        assert values[:2] == [0.0, 1.0]
    assert for_environment(np.array([values]), space).dtype == np.int16


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "float32", "float64"])
def test_an_environment_is_handed_its_own_type(dtype):
    with np.errstate(over="ignore"):
        limits = [0.0, 1.0] if dtype == "bool" else [0.0, float(2**64)]
    space = Box(low=(limits[0],) * 2, high=(limits[1],) * 2, shape=(2, 1), dtype=dtype)
    handed = for_environment(np.array([[limits[0], limits[1]]]), space)
    assert (handed.dtype, handed.shape) == (np.dtype(dtype), (1, 2, 1))
    assert np.isfinite(handed.astype(np.float64)).all()
    assert handed[0, 1, 0] > handed[0, 0, 0]


# --- draws ---


def drawn(space, logits, count):
    """Give `count` actions of a network whose outputs are `logits` whatever it is shown: a step of as many episodes."""
    network = ev.MLP(sizes=(1, len(logits)))
    row = np.concatenate([np.zeros(len(logits)), logits]).astype(np.float32)
    actions = np.zeros((count, space.size))
    assert compile_act(network, space, "sampled")(row, np.zeros((count, 1)), actions, np.uint64(11), 3)
    return actions


def chi_square(values, probabilities):
    counts = np.array([(values == k).sum() for k in range(len(probabilities))])
    expected = len(values) * np.array(probabilities)
    assert counts.sum() == len(values)
    return ((counts - expected) ** 2 / expected).sum()


def softmax(logits):
    weights = np.exp(np.array(logits) - max(logits))
    return weights / weights.sum()


@pytest.mark.parametrize("logits", [[0.0, 0.0], [1.5, -0.5, 0.0, 2.0], [88.0, 89.0, 90.0], [-200.0, -201.0, -200.5]])
def test_choices_are_drawn_as_often_as_softmax_says(logits):
    actions = drawn(Discrete(n=len(logits)), logits, 3_000)
    assert chi_square(actions[:, 0], softmax(logits)) < 25  # one time in 70,000 where it is right


def test_each_of_several_choices_is_drawn_on_its_own():
    logits = [0.0, 1.0, -1.0, 0.5, -0.5]
    actions = drawn(MultiDiscrete(nvec=(3, 2)), logits, 4_000)
    assert chi_square(actions[:, 0], softmax(logits[:3])) < 25
    assert chi_square(actions[:, 1], softmax(logits[3:])) < 25
    pairs = np.outer(softmax(logits[:3]), softmax(logits[3:])).ravel()
    assert chi_square(actions[:, 0] * 2 + actions[:, 1], pairs) < 32


def test_bits_are_drawn_as_often_as_the_logistic_function_says():
    logits = np.array([-2.0, 0.0, 1.0])
    actions = drawn(MultiBinary(shape=(3,)), logits, 4_000)
    for k, p in enumerate(1 / (1 + np.exp(-logits))):
        assert chi_square(actions[:, k], [1 - p, p]) < 20
    assert np.abs(np.corrcoef(actions.T) - np.eye(3)).max() < 0.07


def test_what_is_out_of_the_question_is_never_drawn():
    assert set(drawn(Discrete(n=4), [-400.0, 0.0, -400.0, -400.0], 500)[:, 0]) == {1.0}
    assert set(drawn(MultiBinary(shape=(1,)), [-400.0], 500)[:, 0]) == {0.0}
    assert set(drawn(MultiBinary(shape=(1,)), [400.0], 500)[:, 0]) == {1.0}


def test_an_action_does_not_follow_from_what_the_world_draws():
    draws = [Draw(np.uint64(7), step) for step in range(1, 2_001)]
    acted_on = np.array([acted(Discrete(n=2), "sampled", [0.0, 0.0], draw)[0] for draw in draws])
    for k in range(3):
        of_the_world = np.array([uniform(draw, k) >= 0.5 for draw in draws])
        assert abs((acted_on == of_the_world).mean() - 0.5) < 0.05


# --- the same wherever it runs ---


class Balance(NamedTuple):
    level: Any
    wind: Any


def balance_reset(draw):
    return Balance(uniform(draw, 0) - 0.5, 0.0)


def balance_observe(state):
    return state.level, state.wind


def balance_step(state, action, draw):
    wind = uniform(draw, 0) - 0.5
    level = state.level + 0.1 * (action[0] - action[1]) + 0.2 * wind
    return Balance(level, wind), 1.0 - level * level, (level < -1.0) | (level > 1.0)


def balance(env_id, action_space):
    spec = EnvSpec(
        id=env_id,
        observation_space=Box.symmetric((np.inf, 1.0)),
        action_space=action_space,
        max_episode_steps=40,
        reward_threshold=None,
    )
    return Env(spec=spec, reset=balance_reset, observe=balance_observe, step=balance_step)


KNOBS = balance("actions/Knobs-v0", MultiDiscrete(nvec=(3, 2), start=(4, -1)))
SWITCHES = balance("actions/Switches-v0", MultiBinary(shape=(2, 1)))
LEVERS = balance("actions/Levers-v0", Box(low=(0.0, -0.3), high=(2.0, 1.1), shape=(2,)))
WORLDS = {env.spec.id: env for env in (KNOBS, SWITCHES, LEVERS, ENVS["CartPole-v1"], ENVS["Pendulum-v1"])}
SAME = [
    ("CartPole-v1", "sampled"),
    ("Pendulum-v1", "tanh"),
    ("actions/Knobs-v0", "argmax"),
    ("actions/Knobs-v0", "sampled"),
    ("actions/Switches-v0", "argmax"),
    ("actions/Switches-v0", "sampled"),
    ("actions/Levers-v0", "tanh"),
]


def prepared(env_id):
    env = WORLDS[env_id]
    network = ev.MLP(sizes=(env.spec.observation_space.width, 5, env.spec.action_space.width), activation="tanh")
    return env, network, network.initialise(len(SEEDS), stream(5, env_id))


def measured(task, population, cap=25):
    with closing(task):
        return task.evaluate(population, Conditions(seeds=SEEDS, episode_cap=cap))


def in_gymnasium(env, network, rule):
    """Give the task of a compiled world in its view for Gymnasium, registered under a name of its own."""
    env_id = f"{env.spec.id.rpartition('/')[2].partition('-')[0]}Viewed-v0"
    if env_id not in gymnasium.registry:
        gymnasium.register(env_id, entry_point=lambda **_: ev.as_gymnasium(env), max_episode_steps=env.spec.max_episode_steps)
    return ev.GymEnv(env_id, network, action_rule=rule)


def in_plain_python(env, network, row, seed, rule, cap):
    choose, forward = action_rule(env.spec.action_space, rule), network.forward()
    state, total, steps, over = env.reset(Draw(seed, 0)), 0.0, 0, False
    with np.errstate(all="ignore"):
        while steps < cap and not over:
            steps += 1
            outputs, _ = forward(row, (), tuple(map(np.float32, env.observe(state))))
            state, reward, over = env.step(state, choose(outputs, Draw(seed, steps)), Draw(seed, steps))
            total += reward
    return total, steps


@pytest.mark.compiled
@pytest.mark.parametrize(("env_id", "rule"), SAME)
def test_a_rule_makes_the_same_actions_in_lanes_alone_and_in_gymnasium(env_id, rule):
    env, network, population = prepared(env_id)
    alone, lanes = (measured(ev.CompiledEnv(env, network, action_rule=rule, lanes=n), population) for n in (1, 16))
    view = measured(in_gymnasium(env, network, rule), population)
    for each in (lanes, view):
        assert each.returns.tobytes() == alone.returns.tobytes()
        assert each.steps.tobytes() == alone.steps.tobytes()
        assert not each.failed.any()


@pytest.mark.compiled
@pytest.mark.parametrize("env_id", ["actions/Knobs-v0", "actions/Levers-v0"])
def test_another_rule_is_another_result(env_id):
    env, network, population = prepared(env_id)
    rules = rules_for(env.spec.action_space)
    one, other = (measured(ev.CompiledEnv(env, network, action_rule=rule, lanes=1), population) for rule in rules)
    assert one.returns.tobytes() != other.returns.tobytes()


@pytest.mark.parametrize(("env_id", "rule"), SAME)
def test_a_rule_makes_the_same_actions_in_plain_python(env_id, rule):
    env, network, population = prepared(env_id)
    task = measured(ev.CompiledEnv(env, network, action_rule=rule), population, cap=12)
    for i, e in ((0, 0), (1, 2), (5, 3)):
        played = in_plain_python(env, network, population[i], SEEDS[i, e], rule, 12)
        assert (task.returns[i, e], task.steps[i, e]) == played


@pytest.mark.parametrize(("env_id", "rule"), SAME)
def test_a_policy_does_in_an_episode_what_was_measured(env_id, rule):
    env, network, population = prepared(env_id)
    task = measured(ev.CompiledEnv(env, network, action_rule=rule), population, cap=12)
    spec = env.spec
    policy = ev.Policy(
        network, population[2], observation_space=spec.observation_space, action_space=spec.action_space, action_rule=rule
    )
    view, seed = ev.as_gymnasium(env), int(SEEDS[2, 1])
    observation, _ = view.reset(seed=seed)
    policy.act(observation)  # what came before is forgotten
    policy.reset(seed)
    total, steps, over = 0.0, 0, False
    while steps < 12 and not over:
        observation, reward, over, _, _ = view.step(policy.act(observation))
        total, steps = total + float(reward), steps + 1
    assert (total, steps) == (task.returns[2, 1], task.steps[2, 1])


@pytest.mark.parametrize(("env_id", "rule"), SAME)
def test_outputs_that_are_no_numbers_fail_the_individual_under_every_rule(env_id, rule):
    env, network, population = prepared(env_id)
    population[1] = np.nan
    population[3, -1] = np.inf
    tasks = [ev.CompiledEnv(env, network, action_rule=rule), in_gymnasium(env, network, rule)]
    for task in tasks:
        evaluation = measured(task, population, cap=4)
        assert evaluation.failed.tolist() == [False, True, False, True, False, False]
        assert np.isnan(evaluation.fitness[[1, 3]]).all()


# --- policies ---


def policy_for(space, rule="auto"):
    network = ev.MLP(sizes=(2, space.width))
    row = network.initialise(1, stream(3, "a test"))[0]
    return ev.Policy(network, row, observation_space=Box.symmetric((9.0, 9.0)), action_space=space, action_rule=rule)


def shown(count):
    return np.random.default_rng(0).normal(size=(count, 2))


def test_a_seed_begins_an_episodes_draws_and_each_action_is_a_step():
    policy = policy_for(Discrete(n=3), "sampled")
    observation = shown(1)[0]
    first = [policy.act(observation) for _ in range(40)]
    policy.reset()
    after = [policy.act(observation) for _ in range(40)]
    policy.reset(seed=0)
    assert [policy.act(observation) for _ in range(40)] == first != after
    policy.reset(seed=1)
    assert [policy.act(observation) for _ in range(40)] != first
    assert len(set(first)) > 1


def test_each_observation_of_a_batch_has_draws_of_its_own():
    policy = policy_for(MultiBinary(shape=(2,)), "sampled")
    same = np.tile(shown(1), (200, 1))
    actions = policy.act(same)
    assert len(np.unique(actions, axis=0)) > 1
    policy.reset(seed=0)
    assert policy.act(same[0]).tolist() == actions[0].tolist()


def test_predict_draws_only_where_it_is_asked_to():
    policy, best = policy_for(Discrete(n=3), "sampled"), policy_for(Discrete(n=3))
    batch = shown(60)
    likeliest, _ = policy.predict(batch)
    assert likeliest.tolist() == best.act(batch).tolist()
    sampled, _ = policy.predict(batch, deterministic=False)
    policy.reset(seed=0)
    assert sampled.tolist() == policy.act(batch).tolist() != likeliest.tolist()
    assert best.predict(batch, deterministic=False)[0].tolist() == likeliest.tolist()


def test_predict_squashes_as_act_does():
    policy = policy_for(Box.symmetric((1.0, 1.0)), "tanh")
    batch = shown(20)
    assert policy.predict(batch)[0].tolist() == policy.act(batch).tolist()
    np.testing.assert_allclose(policy.act(batch), np.tanh(policy.outputs(batch)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("space", "rule"),
    [
        (Discrete(n=3), "argmax"),
        (Discrete(n=3), "sampled"),
        (Box.symmetric((1.0, 2.0)), "clipped"),
        (Box.symmetric((1.0, 2.0)), "tanh"),
        (Box(low=(0.0,), high=(9.0,), shape=(1,), dtype="int8"), "tanh"),
        (MultiDiscrete(nvec=(3, 2), start=(1, 1)), "sampled"),
        (MultiBinary(shape=(2, 2)), "sampled"),
    ],
)
def test_a_file_keeps_the_rule(tmp_path, space, rule):
    policy = policy_for(space, rule)
    back = ev.load_policy(policy.save(tmp_path / "policy.safetensors"))
    assert (back.action_rule, back.action_space) == (rule, space)
    assert back.act(shown(30)).tobytes() == policy.act(shown(30)).tobytes()


def rewritten(path, before, after):
    """Change what a policy file says of itself."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    text = header["__metadata__"]["policy"]
    assert before in text
    header["__metadata__"]["policy"] = text.replace(before, after)
    changed = json.dumps(header).encode()
    changed += b" " * (-len(changed) % 8)
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + data[end:])


def test_a_file_without_a_rule_is_of_the_default_one(tmp_path):
    usual, other = (policy_for(Discrete(n=3), rule).save(tmp_path / f"{rule}.safetensors") for rule in ("auto", "sampled"))
    assert b"action_rule" not in usual.read_bytes()
    rewritten(other, '"action_rule": "sampled", ', "")
    assert ev.load_policy(other).action_rule == ev.load_policy(usual).action_rule == "argmax"


@pytest.mark.parametrize(
    ("rule", "words"), [('"tanh"', "action_rule: 'tanh' does not fit"), ('"os.system"', "is unknown"), ("3", "action_rule")]
)
def test_a_file_with_another_rule_is_refused(tmp_path, rule, words):
    path = policy_for(Discrete(n=3), "sampled").save(tmp_path / "policy.safetensors")
    rewritten(path, '"sampled"', rule)
    with pytest.raises(FileRefused, match=words):
        ev.load_policy(path)


# --- runs ---

SHORT: dict[str, Any] = {
    "population": 6,
    "generations": 2,
    "episodes": 2,
    "validation_episodes": 2,
    "test_episodes": 2,
    "hidden": (4,),
}
SHORT |= {"max_steps": 9, "target": None, "genetic": {"selection": "truncation:num_parents=3"}}


@pytest.mark.parametrize(("env_id", "rule"), [("CartPole-v1", "sampled"), ("Pendulum-v1", "tanh")])
def test_a_run_keeps_its_rule_and_is_resumed_with_it(tmp_path, env_id, rule):
    whole = ev.evolve(env_id, action_rule=rule, runs_dir=None, **SHORT)
    begun: dict[str, Any] = SHORT | {"generations": 1}
    run = ev.evolve(env_id, action_rule=rule, runs_dir=tmp_path, name="run", **begun)
    assert run.folder is not None
    folder = run.folder.path
    assert f'action_rule = "{rule}"' in (folder / "run.toml").read_text()
    resumed = ev.resume(folder, changes={"generations": 2})
    assert resumed.progress.digest == whole.progress.digest != run.progress.digest
    assert ev.load_policy(folder / "best.safetensors").action_rule == whole.best.action_rule == rule


@pytest.mark.parametrize(
    ("problem", "rule", "words"),
    [
        ("CartPole-v1", "tanh", "action_rule: 'tanh' does not fit Discrete"),
        ("Pendulum-v1", "sampled", "action_rule: 'sampled' does not fit Box"),
        ("CartPole-v1", "softmax", "action_rule: 'softmax' is unknown; known: auto, argmax, "),
        (ev.Function(lambda row: -(row**2).sum(), dim=2), "argmax", "action_rule: expected auto"),
        (ev.Supervised([[0.0], [1.0]], [0, 1], metric="accuracy"), "sampled", "action_rule: expected auto"),
    ],
)
def test_a_rule_that_does_not_fit_ends_a_run_before_it_begins(tmp_path, problem, rule, words):
    with pytest.raises(UsageError, match=words):
        ev.evolve(problem, action_rule=rule, runs_dir=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_is_shown_is_what_is_evaluated():
    _, network, population = prepared("CartPole-v1")
    spec = ENVS["CartPole-v1"].spec
    policy = ev.Policy(
        network,
        population[0],
        observation_space=spec.observation_space,
        action_space=spec.action_space,
        action_rule="sampled",
    )
    with closing(ev.GymEnv("CartPole-v1", network, action_rule="sampled")) as task:
        evaluation = task.evaluate(population[:1], Conditions(seeds=episode_seeds(3, 4)[np.newaxis]))
    with Stage(policy, "CartPole-v1", "rgb_array", seed=3) as stage:
        played = [[*stage.episode(number)][-1].total_reward for number in range(4)]
    assert played == evaluation.returns[0].tolist()
    assert len(set(played)) > 1


# --- which rule fits which space ---


@pytest.mark.parametrize(
    ("space", "names"),
    [
        (Discrete(n=2), ("argmax", "sampled")),
        (MultiDiscrete(nvec=(2, 2)), ("argmax", "sampled")),
        (MultiBinary(shape=(3,)), ("argmax", "sampled")),
        (Box.symmetric((1.0, np.inf)), ("clipped", "tanh")),
        (Box.symmetric((np.inf,)), ("clipped",)),
    ],
)
def test_each_space_has_its_rules_the_default_first(space, names):
    assert rules_for(space) == names
    assert fitting_rule("auto", space) == names[0]
    for name in {*ACTION_RULES} - {*names}:
        with pytest.raises(UsageError, match=rf"^action_rule: '{name}' does not fit .*; expected auto or {names[0]}"):
            action_rule(space, name)


def test_a_rule_that_is_unknown_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"^action_rule: 'sampeld' is unknown.*sampled.*; expected auto or argmax or sampled$"):
        fitting_rule("sampeld", Discrete(n=2))


@pytest.mark.parametrize("space", [TupleSpace((Discrete(n=2),)), DictSpace((("a", Discrete(n=2)),))])
def test_actions_of_several_parts_are_refused_by_name(space):
    kind = type(space).__name__.removesuffix("Space")
    with pytest.raises(UsageError, match=rf"^action space: {kind} is not supported; .*TransformAction"):
        rules_for(space)


BOUNDS = st.one_of(st.sampled_from([-np.inf, np.inf, 0.0, -1.0, 1.0, 0.1, 255.0]), st.floats(-6e4, 6e4, width=16))
DTYPES = ["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint16", "bool"]


@st.composite
def boxes(draw):
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    size = int(np.prod(shape))
    pairs = np.sort(np.array([[draw(BOUNDS), draw(BOUNDS)] for _ in range(size)]).reshape(*shape, 2), axis=-1)
    low, high = np.minimum(pairs[..., 0], 6e4), np.maximum(pairs[..., 1], -6e4)
    if dtype.kind != "f":
        limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        low, high = (np.clip(np.round(each), *np.clip(limits, -(2**52), 2**52)) for each in (low, high))
    return spaces.Box(np.array(low, dtype), np.array(high, dtype), shape=shape, dtype=dtype.type)


def multi_discrete(nvec, start):
    return spaces.MultiDiscrete(nvec, start=np.full(np.shape(nvec), start))


FLAT = st.one_of(
    boxes(),
    st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 9), st.integers(-9, 9)),
    st.builds(multi_discrete, st.sampled_from([[2], [3, 1, 2], [[2, 3], [1, 4]]]), st.integers(-3, 3)),
    st.builds(spaces.MultiBinary, st.sampled_from([1, 3, (2, 2)])),
)
OTHERS = st.one_of(
    st.builds(spaces.Text, st.integers(1, 9)),
    st.builds(spaces.Sequence, FLAT),
    st.builds(lambda space: spaces.OneOf([space, spaces.Discrete(2)]), FLAT),
    st.builds(lambda space: spaces.Graph(space, None), boxes()),
    st.builds(lambda space: spaces.Tuple([space]), FLAT),
    st.builds(lambda space: spaces.Dict(a=space), FLAT),
)
OUTPUTS = st.lists(st.floats(-(2.0**90), 2.0**90, width=32) | st.floats(-3, 3, width=32), min_size=24, max_size=24)


@given(FLAT, OUTPUTS, st.integers(0, 2**64 - 1))
def test_every_action_lies_in_its_space(space, outputs, seed):
    record: Any = space_of(space, "action")
    for rule in rules_for(record):
        values = acted(record, rule, outputs[: record.width], Draw(np.uint64(seed), 1))
        action = one_for_environment(record)(np.array([values]))
        assert action.dtype == space.dtype
        assert space.contains(action), (space, rule, action)


@given(FLAT, st.integers(0, 99))
def test_a_random_action_lies_in_its_space(space, seed):
    record: Any = space_of(space, "action")
    if not isinstance(record, Box) or np.isfinite([record.low, record.high]).all():
        shares = stream(seed, "shares").uniform((1, record.size))
        assert space.contains(one_for_environment(record)(drawn_evenly(shares, record)))


@given(OTHERS)
def test_every_other_action_space_is_refused_in_words(space):
    with pytest.raises(UsageError, match=f"^action space: {type(space).__name__}"):
        rules_for(space_of(space, "action"))
