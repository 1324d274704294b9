from typing import Any

import pytest

import evolvent as ev
from evolvent.algorithms import Gaussian, Genetic, Truncation
from evolvent.cli.main import run as run_command
from evolvent.errors import UsageError
from evolvent.networks import MLP
from evolvent.training.beginning import default_config
from evolvent.training.config import merge
from evolvent.training.parts import prepare
from evolvent.training.recipes import RECIPES


def parts(name, env="CartPole-v1"):
    search = prepare(env, default_config(env, name))
    search.close()
    return search


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_run_and_names_its_source(name):
    assert "20" in RECIPES[name].source
    run = ev.evolve("CartPole-v1", recipe=name, population=8, generations=2, max_steps=20, test_episodes=2, runs_dir=None)
    assert run.progress.generation == 2


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_every_operator_whatever_the_preset_says(name):
    other = {"selection": "rank", "crossover": "uniform", "mutation": "cauchy", "strength": "decaying", "num_elites": 3}
    start = merge(default_config("CartPole-v1"), {"genetic": other}, "a test")
    assert merge(start, RECIPES[name].settings, "a test").genetic == default_config("CartPole-v1", name).genetic


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_no_aid_to_training_from_a_preset(name):
    other = {
        "restarts": "ipop",
        "normalise": True,
        "fitness": "return_per_step",
        "alive_bonus": 1.0,
        "action_noise": 0.5,
        "first_cap": 50,
        "validation_every": 7,
    }
    config, none = merge(merge(ev.Config(), other, "a preset"), RECIPES[name].settings, "a test"), ev.Config()
    assert {setting: getattr(config, setting) for setting in other} == {setting: getattr(none, setting) for setting in other}


def test_the_articles_run_is_as_published():
    search = parts("article")
    assert isinstance(search.network, MLP)
    assert search.network.sizes == (4, 16, 2)
    config = search.config
    assert (config.population, config.generations, config.episodes, config.max_steps) == (64, 5, 15, 10_000)
    assert search.algorithm == Genetic(selection=Truncation(num_parents=1), mutation=Gaussian(strength=0.1), num_elites=1)


def test_the_deep_genetic_algorithm_is_as_published():
    search = parts("deep_ga")
    config = search.config
    assert (config.population, config.episodes) == (1000, 1)
    assert (config.candidates, config.validation_episodes, config.test_episodes) == (10, 30, 200)
    assert search.algorithm == Genetic(selection=Truncation(num_parents=20), mutation=Gaussian(strength=0.002), num_elites=1)
    assert isinstance(search.network, MLP)
    assert search.network.initialiser == "fan_in"


def test_what_is_set_wins_over_a_recipe():
    run = ev.evolve(
        "CartPole-v1", recipe="deep_ga", population=6, generations=1, genetic={"num_elites": 2}, max_steps=5, runs_dir=None
    )
    assert (run.config.population, run.config.genetic.num_elites) == (6, 2)
    assert run.config.genetic.mutation == "gaussian:strength=0.002"


def test_a_recipe_that_there_is_none_of_is_refused_in_words(capsys):
    with pytest.raises(UsageError, match=r'^recipe: \'deepga\' is unknown; did you mean "deep_ga"\?; known: article, deep_ga'):
        ev.evolve("CartPole-v1", recipe="deepga", runs_dir=None)
    assert run_command(["train", "CartPole-v1", "--recipe", "deepga"]) == 2
    assert 'did you mean "deep_ga"' in capsys.readouterr().err


@pytest.mark.compiled
def test_the_run_toml_of_a_recipe_runs_it_again(tmp_path):
    limits: Any = {"population": 8, "generations": 3, "max_steps": 30}
    run = ev.evolve("CartPole-v1", recipe="article", name="one", runs_dir=tmp_path, **limits)
    again = ev.evolve("CartPole-v1", recipe="article", name="other", runs_dir=tmp_path, **limits)
    assert run.folder
    assert again.progress.digest == run.progress.digest
    command = ["train", "--config", str(run.folder.run_toml), "--runs-dir", str(tmp_path), "--name", "third", "--json"]
    assert run_command(command) == 0
    assert ev.open_run("third", tmp_path).run_toml.read_text(encoding="utf-8") == run.folder.run_toml.read_text(
        encoding="utf-8"
    )
