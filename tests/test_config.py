import dataclasses
import math
import os
import tracemalloc
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolvent as ev
from evolvent.algorithms import ALGORITHMS
from evolvent.algorithms.named import canonical, made
from evolvent.envs import ENVS
from evolvent.errors import UsageError
from evolvent.training import Config, GeneticConfig
from evolvent.training.algorithm_choice import short_algorithm
from evolvent.training.beginning import default_config
from evolvent.training.config import merge, read_toml, to_toml
from evolvent.training.parts import prepare
from evolvent.training.presets import PRESETS
from evolvent.training.worlds import default_form, env_spec

EXAMPLES = int(os.environ.get("EVOLVENT_EXAMPLES", "300"))
FIELDS = [field.name for field in dataclasses.fields(Config)]
GENETIC_FIELDS = [field.name for field in dataclasses.fields(GeneticConfig)]


# --- merging ---


def test_what_is_set_replaces_and_the_rest_stays():
    config = merge(Config(seed=3, population=20), {"population": 30, "genetic": {"num_elites": 2}}, "a file")
    assert (config.seed, config.population, config.genetic.num_elites) == (3, 30, 2)
    assert config.genetic.selection == Config().genetic.selection


@pytest.mark.parametrize("made", [Config, lambda **settings: merge(Config(), settings, "a file")])
def test_numpys_numbers_and_lists_are_taken_for_what_they_are(made):
    config = made(population=np.int64(20), target=np.float64(4.5), hidden=[np.int32(8), 4], max_seconds=3)
    assert (config.population, config.target, config.hidden, config.max_seconds) == (20, 4.5, (8, 4), 3.0)
    assert {type(value) for value in (config.population, *config.hidden)} == {int}
    assert {type(value) for value in (config.target, config.max_seconds)} == {float}
    assert read_back("Any-v0", config) == ("Any-v0", config)


def test_values_get_the_type_of_their_setting():
    config = merge(Config(), {"hidden": [8, 4], "target": 475, "max_seconds": 2}, "a file")
    assert (config.hidden, config.target, config.max_seconds) == ((8, 4), 475.0, 2.0)
    assert all(isinstance(value, float) for value in (config.target, config.max_seconds))


@pytest.mark.parametrize("value", [None, "none"])
def test_no_value_is_written_as_none(value):
    assert merge(Config(target=3.0), {"target": value}, "a file").target is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"populatoin": 3}, "a file: unknown setting 'populatoin'; did you mean \"population\"?"),
        ({"Seed": 3}, "a file: unknown setting 'Seed'; did you mean \"seed\"?"),
        ({"xyz": 3}, "a file: unknown setting 'xyz'"),
        ({"genetic": {"num_elite": 3}}, "a file: unknown setting 'genetic.num_elite'; did you mean \"num_elites\"?"),
        (
            {"genetic": 3},
            "a file: genetic: expected settings by name, such as {'selection': 'truncation:num_parents=16'}, got 3",
        ),
        ({"population": "many"}, "a file: population: expected int, got 'many'"),
        ({"population": True}, "a file: population: expected int, got True"),
        ({"population": 3.0}, "a file: population: expected int, got 3.0"),
        ({"population": None}, "a file: population: expected int, got None"),
        ({"target": "high"}, "a file: target: expected float, got 'high'"),
        ({"hidden": 16}, "a file: hidden: expected tuple, got 16"),
        ({"hidden": ["16"]}, "a file: hidden: expected int, got '16'"),
        ({"activation": "rleu"}, "activation: 'rleu' is unknown; did you mean \"relu\"?"),
        ({"world": "compield"}, "a file: world: 'compield' is unknown; did you mean \"compiled\"?"),
        ({"algorithm": "genetics"}, "algorithm: 'genetics' is unknown; did you mean \"genetic\"?"),
        ({"network": "gnu"}, "network: 'gnu' is unknown; did you mean \"gru\"?"),
        ({"output_activation": "auto"}, "output_activation: 'auto' is unknown"),
        ({"engine": "online"}, "engine: 'online' is unknown; did you mean \"inline\"?"),
        ({"initialiser": ["normal"]}, "a file: initialiser: ['normal'] is unknown"),
    ],
)
def test_what_cannot_be_set_is_told_in_words(settings, message):
    with pytest.raises(UsageError) as caught:
        merge(Config(), settings, "a file")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed: expected a whole number from 0 to 2**63 - 1, got -1"),
        ({"seed": 2**63}, "seed: expected a whole number from 0 to 2**63 - 1"),
        ({"population": 1}, "population: expected at least 2, got 1"),
        ({"population": 10**12}, "population: expected at most 1,000,000,000"),
        ({"generations": 0}, "generations: expected at least 1, got 0"),
        ({"episodes": -3}, "episodes: expected at least 1, got -3"),
        ({"max_steps": 10**30}, "max_steps: expected at most"),
        ({"candidates": 0}, "candidates: expected at least 1"),
        ({"validation_episodes": -1}, "validation_episodes: expected at least 0"),
        ({"test_episodes": 0}, "test_episodes: expected at least 1"),
        ({"workers": -1}, "workers: expected at least 0"),
        ({"workers": 10_000}, "workers: expected at most 1,024"),
        ({"hidden": (8, 0)}, "hidden: expected sizes from 1 to 65,536, got (8, 0)"),
        ({"hidden": (10**9,)}, "hidden: expected sizes from 1 to 65,536, got (1000000000,)"),
        ({"hidden": (1,) * 10**4}, "hidden: expected at most 30 layers, got 10,000"),
        ({"seed": 2**64}, "seed: expected a whole number from 0 to 2**63 - 1, got 18446744073709551616"),
        ({"seed": 10**5000}, "seed: expected a whole number from 0 to 2**63 - 1, got a number of thousands of digits"),
        ({"population": 10**5000}, "population: expected at most 1,000,000,000, got a number of thousands of digits"),
        ({"target": 10**400}, "a file: target: expected float, got 1000000"),
        ({"target": math.nan}, "target: expected a finite number, got nan"),
        ({"target": math.inf}, "target: expected a finite number, got inf"),
        ({"alive_bonus": math.inf}, "alive_bonus: expected a finite number, got inf"),
        ({"action_noise": -0.1}, "action_noise: expected a number from 0 to 1e+06, got -0.1"),
        ({"action_noise": math.nan}, "action_noise: expected a number from 0 to 1e+06, got nan"),
        ({"first_cap": 0}, "first_cap: expected at least 1, got 0"),
        ({"first_cap": 5, "cap_generations": 0}, "cap_generations: expected at least 1, got 0"),
        ({"cap_generations": 5}, "cap_generations: expected first_cap besides, the cap that grows, got none"),
        ({"validation_every": 0}, "validation_every: expected at least 1, got 0"),
        ({"max_env_steps": 0}, "max_env_steps: expected a positive number"),
        ({"max_seconds": -1.0}, "max_seconds: expected a positive number"),
        ({"max_seconds": math.nan}, "max_seconds: expected a positive number"),
        (
            {"genetic": {"selection": "truncation:num_parents=0"}},
            "selection: truncation: num_parents: expected a whole number of at least 1",
        ),
        ({"genetic": {"num_elites": -1}}, "genetic.num_elites: expected at least 0"),
        ({"genetic": {"num_elites": 64}}, "population: expected at least 65, got 64"),
        ({"genetic": {"mutation": "gaussian:strength=0"}}, "mutation: gaussian: strength: expected a positive number"),
        ({"genetic": {"crossover_rate": 1.5}}, "genetic.crossover_rate: expected a probability from 0 to 1, got 1.5"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name_with_its_value(settings, message):
    with pytest.raises(UsageError) as caught:
        merge(Config(), settings, "a file")
    assert str(caught.value).startswith(message)


words = st.one_of(st.sampled_from([*FIELDS, *GENETIC_FIELDS]), st.text(max_size=12))
numbers = st.one_of(st.integers(-3, 40), st.integers(), st.floats())
names = st.sampled_from(["none", "relu", "tanh", "genetic", "inline", "compiled", "gymnasium", "normal", "zeros"])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, names, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(words, values, max_size=5))
def test_any_settings_make_a_config_that_can_be_written_or_are_refused(settings):
    try:
        config = merge(Config(), settings, "a file")
    except UsageError:
        return
    assert read_back("Any-v0", config) == ("Any-v0", config)


# --- algorithms as text ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    sigma: float = 0.1
    pairs: int = 4
    mirrored: bool = True
    optimizer: Literal["adam", "clipup"] = "adam"
    decay: float | None = None
    shape: str = "ranks"
    groups: Any = None


SEARCHES = {"search": Search}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("search", Search()),
        (" search : sigma = 1e-3 , pairs=2 ", Search(sigma=0.001, pairs=2)),
        ("search:mirrored=false,optimizer=clipup", Search(mirrored=False, optimizer="clipup")),
        ("search:decay=0.5,shape=raw", Search(decay=0.5, shape="raw")),
        ("search:decay=none", Search()),
    ],
)
def test_an_algorithm_is_made_of_numbers_words_truths_and_choices(text, expected):
    assert made("algorithm", text, SEARCHES) == expected
    whole, short = (canonical("algorithm", text, SEARCHES, whole=whole) for whole in (True, False))
    assert made("algorithm", whole, SEARCHES) == made("algorithm", short, SEARCHES) == expected
    assert canonical("algorithm", whole, SEARCHES) == canonical("algorithm", short, SEARCHES) == whole
    assert whole.startswith(f"search:sigma={expected.sigma},pairs={expected.pairs},mirrored={str(expected.mirrored).lower()}")
    assert (short == "search") == (expected == Search())


KNOWN = "known: sigma=0.1, pairs=4, mirrored=true, optimizer=adam|clipup, decay=none, shape=ranks"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serch", "algorithm: 'serch' is unknown; did you mean \"search\"?; known: search"),
        (
            "search:sgma=2",
            f"algorithm: search: expected settings as name=value, got 'sgma=2'; did you mean \"sigma\"?; {KNOWN}",
        ),
        ("search:groups=2", "algorithm: search: expected settings as name=value, got 'groups=2'"),
        ("search:pairs=2.5", "algorithm: search: pairs: expected a whole number, got '2.5'"),
        ("search:mirrored=1", "algorithm: search: mirrored: expected true or false, got '1'"),
        ("search:optimizer=admn", "algorithm: search: optimizer: expected adam or clipup, got 'admn'; did you mean \"adam\"?"),
        ("search:" + "sigma=1" * 100, "algorithm: expected at most 400 characters"),
    ],
)
def test_text_that_makes_no_algorithm_is_answered_with_what_there_is(text, message):
    with pytest.raises(UsageError) as caught:
        made("algorithm", text, SEARCHES)
    assert str(caught.value).startswith(message)


def test_the_genetic_algorithm_has_settings_of_its_own():
    with pytest.raises(UsageError, match=r"^algorithm: genetic: its settings have names of their own, --mutation"):
        Config(algorithm="genetic:num_elites=2")
    assert Config(algorithm=" genetic:").algorithm == "genetic"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_told_by_the_help_and_written_whole(name):
    config = Config(algorithm=name, population=64)
    assert name in (Config.__doc__ or "")
    assert read_back("Any-v0", config) == ("Any-v0", config)
    assert merge(Config(), {"algorithm": config.algorithm}, "a file") == config
    assert short_algorithm(config.algorithm) == name


@pytest.mark.parametrize("text", ["none", "ipop", "ipop: growth = 3"])
def test_restarts_are_text_of_the_same_form(text):
    config = Config(restarts=text)
    assert config.restarts == {"none": "none", "ipop": "ipop:growth=2.0,largest=64,patience=0"}.get(
        text, "ipop:growth=3.0,largest=64,patience=0"
    )
    assert read_back("Any-v0", config) == ("Any-v0", config)
    for wrong in ("ipip", "none:growth=2"):
        with pytest.raises(UsageError, match=r"^restarts: .* is unknown.*known: none, ipop"):
            Config(restarts=wrong)


# --- what is not a setting ---

WRONG = {
    int: ["3", 3.0, None, [3], {}, True, math.nan],
    float: ["high", [1.0], {}, True, 2**60],
    str: [3, None, ["relu"], {}, True],
    tuple: [16, "16", None, {}, ["16"], [1.5], [True], [None]],
    "optional": ["high", [1.0], {}, True],
    "choice": [3, None, ["normal"], {}, "Normal?"],
    "record": [3, "x", [1], None, True],
    bool: [0, 1, "true", None, [True], {}],
}
KINDS = {
    **dict.fromkeys(("target", "max_env_steps", "max_seconds", "eval_timeout", "worker_memory"), "optional"),
    **dict.fromkeys(("first_cap", "cap_generations"), "optional"),
    **dict.fromkeys(("world", "initialiser", "fitness"), "choice"),
    "genetic": "record",
}


def kind_of(record, name):
    return KINDS.get(name, type(getattr(record(), name)))


def misspelt(name):
    """Give what a slip of the finger makes of a name: a letter too few, one twice, two swapped, another case."""
    places = range(len(name))
    yield from (name[:k] + name[k + 1 :] for k in places if len(name) > 4)
    yield from (name[: k + 1] + name[k:] for k in places)
    yield from (name[:k] + name[k + 1] + name[k] + name[k + 2 :] for k in places[:-1] if name[k] != name[k + 1])
    yield name.upper()
    yield name.replace("_", "-")


def refused(settings):
    with pytest.raises(UsageError) as caught:
        ev.evolve("CartPole-v1", runs_dir=None, **settings)
    assert caught.value.exit_code == 2
    return str(caught.value)


SETTINGS = [*((Config, "", name) for name in FIELDS), *((GeneticConfig, "genetic.", name) for name in GENETIC_FIELDS)]


def nested(prefix, name, value):
    return {"genetic": {name: value}} if prefix else {name: value}


@pytest.mark.parametrize(("record", "prefix", "name"), SETTINGS, ids=[prefix + name for _, prefix, name in SETTINGS])
def test_a_misspelt_setting_is_never_ignored_and_told_with_the_nearest(record, prefix, name):
    known = {field.name for field in dataclasses.fields(record)}
    for slip in set(misspelt(name)) - known:
        assert refused(nested(prefix, slip, 3)) == f"evolve: unknown setting '{prefix}{slip}'; did you mean \"{name}\"?"


@pytest.mark.parametrize(("record", "prefix", "name"), SETTINGS, ids=[prefix + name for _, prefix, name in SETTINGS])
def test_a_value_of_another_kind_is_refused_by_name(record, prefix, name):
    for value in WRONG[kind_of(record, name)]:
        if name == "env_kwargs" and value == {}:  # no arguments at all
            continue
        assert refused(nested(prefix, name, value)).startswith(f"evolve: {prefix}{name}: ")
        with pytest.raises(UsageError, match=rf"^{prefix}{name}: "):
            record(**{name: value})


@pytest.mark.parametrize("settings", [{"genetic": {1: 2}}, {"genetic": {None: 2}}, {"x" * 10**5: 3}])
def test_a_name_that_is_no_name_is_refused(settings):
    assert len(refused(settings)) < 200


# --- any values at all ---

ODD = st.one_of(
    st.sampled_from([0, 1, 2, 3, -1, 2**63, 2**64, 10**9, 10**9 + 1, 10**18, 10**5000, -0.0, math.nan, math.inf, -math.inf]),
    st.sampled_from([[], [0], [10**9], [1] * 40, [65_536], "none", "", "x" * 500, None, True, 1e308, 5e-324]),
    st.sampled_from(["truncation", "tournament:size=0", "rank:pressure=nan", "blend:alpha=inf", "gaussian:strength=0"]),
    st.sampled_from(["gaussian:strength=1e-300", "gaussian+" * 9, "decaying:final=2", "self_adaptive:learning_rate=-1"]),
    values,
)


@pytest.mark.timeout(60 + EXAMPLES / 20)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(SETTINGS), ODD)
def test_any_value_of_any_setting_makes_a_config_or_is_refused_by_its_name(setting, value):
    record, _, name = setting
    made = made_or_refused(lambda: record(**{name: value}))
    if isinstance(made, str):
        assert name in made.partition(" ")[0]
        assert len(made) < 700
    else:
        assert made == record(**{name: getattr(made, name)})


def made_or_refused(make):
    try:
        return make()
    except UsageError as refusal:
        return str(refusal)


@pytest.mark.timeout(60 + EXAMPLES / 20)
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.builds(
        Config,
        world=st.just("python"),
        population=st.integers(2, 10**9),
        episodes=st.integers(1, 10**9),
        candidates=st.integers(1, 10**9),
        validation_episodes=st.integers(0, 10**9),
        test_episodes=st.integers(1, 10**9),
        workers=st.integers(0, 1024),
    ),
    st.sampled_from([ev.Function(sum, dim) for dim in (1, 100, 10_000)]),
)
def test_what_a_run_needs_is_known_before_it_is_made(config, problem):
    tracemalloc.start()
    made = made_or_refused(lambda: prepare(problem, config))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10**7
    if isinstance(made, str):
        assert made.startswith("population: ")
        assert "GB of memory, this machine has" in made


def read_back(env, config):
    settings = read_toml(to_toml(env, config), "a file")
    return settings.pop("env"), merge(Config(), settings, "a file")


@given(
    st.builds(
        Config,
        seed=st.integers(0, 2**63 - 1),
        world=st.sampled_from(["compiled", "gymnasium"]),
        hidden=st.lists(st.integers(1, 100), max_size=4).map(tuple),
        population=st.integers(10, 10**6),
        target=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        max_env_steps=st.none() | st.integers(1, 10**12),
        max_seconds=st.none() | st.floats(1e-300, 1e9),
        genetic=st.builds(GeneticConfig, num_elites=st.integers(0, 9), crossover_rate=st.floats(0, 1)),
    ),
    st.text(st.characters(codec="utf-8")),
)
def test_what_is_written_is_read_back(config, env):
    assert read_back(env, config) == (env, config)


@pytest.mark.parametrize(
    "text",
    ["seed = ", "seed = 1\nseed = 2", "[genetic", "\0", f"seed = {'9' * 6000}", f"hidden = {'[' * 20_000}{']' * 20_000}"],
    ids=["cut short", "twice", "open", "zero", "long", "deep"],
)
def test_text_that_is_not_toml_is_refused(text):
    with pytest.raises(UsageError, match="a file: not a TOML file"):
        read_toml(text, "a file")


# --- presets ---


@pytest.mark.parametrize("env", sorted({*ENVS, *PRESETS}))
def test_a_known_world_begins_with_its_limits_and_its_preset(env):
    config = default_config(env)
    spec = env_spec(env)
    told = PRESETS[env].settings if env in PRESETS else {}
    assert config.world == default_form(env)
    assert config.max_steps == told.get("max_steps", spec.max_episode_steps)
    assert config.target == told.get("target", spec.reward_threshold)
    if env in PRESETS:
        assert config == merge(config, PRESETS[env].settings, "preset")


def test_any_world_of_gymnasium_begins_with_its_limits():
    entry_point = "gymnasium.envs.classic_control:MountainCarEnv"
    gymnasium.register("test_config/Hill-v0", entry_point, reward_threshold=-110.0, max_episode_steps=150)
    config = default_config("test_config/Hill-v0")
    assert (config.world, config.max_steps, config.target) == ("gymnasium", 150, -110.0)


def test_an_unknown_world_is_told_with_the_nearest():
    with pytest.raises(UsageError, match='did you mean "CartPole-v1"'):
        default_config("CartPole-v9")
