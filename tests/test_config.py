import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.envs import ENVS
from evolvent.errors import UsageError
from evolvent.training import Config, GeneticConfig
from evolvent.training.config import merge, read_toml, to_toml
from evolvent.training.presets import PRESETS, default_config

FIELDS = [field.name for field in dataclasses.fields(Config)]
GENETIC_FIELDS = [field.name for field in dataclasses.fields(GeneticConfig)]


# --- merging ---


def test_what_is_set_replaces_and_the_rest_stays():
    config = merge(Config(seed=3, population=20), {"population": 30, "genetic": {"num_elites": 2}}, "a file")
    assert (config.seed, config.population, config.genetic.num_elites) == (3, 30, 2)
    assert config.genetic.selection == Config().genetic.selection


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
        ({"genetic": 3}, "a file: genetic: expected GeneticConfig, got 3"),
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
        ({"hidden": (8, 0)}, "hidden: expected sizes of at least 1, got (8, 0)"),
        ({"target": math.nan}, "target: expected a finite number, got nan"),
        ({"target": math.inf}, "target: expected a finite number, got inf"),
        ({"max_env_steps": 0}, "max_env_steps: expected a positive number"),
        ({"max_seconds": -1.0}, "max_seconds: expected a positive number"),
        ({"max_seconds": math.nan}, "max_seconds: expected a positive number"),
        ({"genetic": {"selection": "truncation:num_parents=0"}}, "selection: truncation: num_parents: expected a whole number of at least 1"),
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


@pytest.mark.parametrize("text", ["seed = ", "seed = 1\nseed = 2", "[genetic", "\0"])
def test_text_that_is_not_toml_is_refused(text):
    with pytest.raises(UsageError, match="a file: not a TOML file"):
        read_toml(text, "a file")


# --- presets ---


@pytest.mark.parametrize("env", sorted({*ENVS, *PRESETS}))
def test_a_known_world_begins_with_its_limits_and_its_preset(env):
    config = default_config(env)
    spec = ENVS[env].spec
    assert (config.world, config.max_steps, config.target) == ("compiled", spec.max_episode_steps, spec.reward_threshold)
    assert config == merge(config, PRESETS[env].settings, "preset")


def test_any_world_of_gymnasium_begins_with_its_limits():
    config = default_config("MountainCar-v0")
    assert (config.max_steps, config.target) == (200, -110.0)


def test_an_unknown_world_is_told_with_the_nearest():
    with pytest.raises(UsageError, match='did you mean "CartPole-v1"'):
        default_config("CartPole-v9")
