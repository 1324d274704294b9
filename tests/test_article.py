import logging
import math
import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolvent.article import GeneticNetworks, NeuralNet, genetic_networks, limits, one_hot, relu, softmax, stage
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Evaluation
from evolvent.networks import MLP
from tests.reference import mlp

gymnasium.register("test_article/Hill-v0", "gymnasium.envs.classic_control:MountainCarEnv", max_episode_steps=200)
OBSERVATION = [0.01, -0.2, 0.03, 0.4]
SIDEWAYS = np.array([0.0, 1.0, 10.0, 3.0], np.float32)  # pushes against the pole's fall: balances for long
AS_THE_ARTICLE_CALLS_THEM = """
from time import time
from evolvent.article import GeneticNetworks, NeuralNet
start_time = time()
genetic_pop = GeneticNetworks(architecture=(4,16,2),
                                population_size=64,
                                generations=5,
                                episodes=15,
                                mutation_variance=0.1,
                                max_episode_length=10000,
                                render_env=False,
                                verbose=True)
genetic_pop.fit()
print('Finished in',round(time()-start_time,3),'seconds')
random_network = NeuralNet(n_units=(4,16,2))
random_network.evaluate(episodes=1, max_episode_length=int(1e10), render_env=True, record=False)
genetic_pop.best_network.evaluate(episodes=3, max_episode_length=int(1e10), render_env=True, record=False)
"""


@pytest.fixture(autouse=True)
def _says_everything_again():
    limits.say_once.cache_clear()


def small(**changes):
    settings = {"population_size": 8, "generations": 3, "episodes": 2, "render_env": False, "mutation_variance": 0.1, "seed": 3}
    return GeneticNetworks(**{**settings, **changes})


def fitted(**changes):
    networks = small(**changes)
    networks.fit()
    return networks


def balancer(**arguments):
    """Return a network that balances for as long as it is let."""
    network = NeuralNet((4, 2), seed=0, **arguments)
    network.params["weights"][0] = np.stack([-SIDEWAYS, SIDEWAYS], axis=1)
    network.params["biases"][0] = np.zeros(2)
    return network


# --- the article's own calls ---


@pytest.mark.compiled
def test_the_articles_calls_run_as_they_are_written_there():
    without_display = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    without_display.pop("SDL_VIDEODRIVER", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AS_THE_ARTICLE_CALLS_THEM],
        capture_output=True,
        text=True,
        check=False,
        env=without_display,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for number, line in enumerate(lines[:5], 1):
        assert line.startswith(f"Generation: {number} | Highest Reward: ")
        assert " | Average Reward: " in line
    assert lines[5].startswith("Finished in ")
    assert done.stderr.count("100,000 steps") == 1
    if sys.platform == "linux":
        assert done.stderr.count("no display") == 1


@pytest.mark.compiled
def test_the_articles_defaults_are_kept():
    network, networks = NeuralNet((4, 16, 2)), GeneticNetworks()
    assert (network.episodes, network.max_episode_length) == (50, 200)
    assert (networks.architecture, networks.population_size, networks.generations) == ((4, 16, 2), 50, 500)
    assert (networks.render_env, networks.record, networks.mutation_variance, networks.verbose) == (True, False, 0.02, False)
    assert (networks.print_every, networks.episodes, networks.max_episode_length, networks.env) == (1, 10, 200, "CartPole-v1")


# --- what was put right ---


def test_a_copy_is_made_and_mutated_by_a_standard_deviation():
    parent = NeuralNet((40, 50, 2), seed=1)
    child = NeuralNet(copy_network=parent, var=0.3, seed=2)
    noise = child.row - parent.row
    assert child.n_units == parent.n_units
    assert abs(noise.std() / 0.3 - 1) < 0.1
    assert NeuralNet(copy_network=parent, var=0).row.tobytes() == parent.row.tobytes()
    child.params["weights"][0][0, 0] = 9
    assert parent.params["weights"][0][0, 0] != 9


def test_an_episode_that_reaches_its_longest_counts_in_full():
    assert balancer().evaluate(episodes=5, max_episode_length=150) == 150.0


def test_a_length_is_not_counted_less_one():
    always_left = NeuralNet((4, 2), seed=0)
    always_left.params["biases"][0][:] = [1, 0]
    always_left.params["weights"][0][:] = 0
    assert always_left.evaluate(episodes=1, max_episode_length=1) == 1.0
    assert 8 <= always_left.evaluate(episodes=20, max_episode_length=200) <= 11


@pytest.mark.parametrize("seed", range(5))
def test_the_best_network_is_the_one_that_was_measured_as_the_best(seed):
    networks = fitted(seed=seed)
    assert networks.best_network in networks.networks
    again = small(seed=seed, generations=1)
    again.networks = networks.networks
    again.fitness, again.average_fitness = networks.fitness[:-1], networks.average_fitness[:-1]
    again.fit()
    assert again.fitness == networks.fitness
    assert again.best_network.row.tobytes() == networks.best_network.row.tobytes()
    assert networks.fitness[-1] == max(networks.fitness[-1], networks.average_fitness[-1])


def test_equal_networks_of_a_generation_do_equally_well():
    networks = small(generations=1)
    networks.networks = [NeuralNet(copy_network=networks.networks[0], var=0) for _ in range(8)]
    networks.fit()
    assert networks.fitness == networks.average_fitness


def test_outputs_below_zero_still_decide():
    network = NeuralNet((4, 2), seed=0)
    network.params["weights"][0][:] = 0
    network.params["biases"][0][:] = [-2, -1]
    assert network.act(OBSERVATION) == 1
    assert network.predict(OBSERVATION)[1] > 0.7


def test_a_seed_decides_everything():
    one, other = fitted(), fitted()
    assert one.fitness == other.fitness
    assert one.best_network.row.tobytes() == other.best_network.row.tobytes()
    assert one.best_network.evaluate(5, 100) == other.best_network.evaluate(5, 100)
    assert fitted(seed=4).fitness != one.fitness
    assert NeuralNet((4, 2), seed=1).row.tobytes() == NeuralNet((4, 2), seed=1).row.tobytes()
    assert NeuralNet((4, 2)).row.tobytes() != NeuralNet((4, 2)).row.tobytes()
    unseeded = NeuralNet((4, 2))
    assert NeuralNet((4, 2), seed=unseeded.seed).row.tobytes() == unseeded.row.tobytes()


# --- networks ---


@settings(deadline=None)
@given(st.integers(0, 10), arrays(np.float32, (7, 4), elements=st.floats(-10, 10, width=32)))
def test_a_network_is_what_its_plain_twin_computes(seed, observations):
    network = NeuralNet((4, 5, 3), seed=seed)
    expected = np.array([mlp.forward(MLP(sizes=(4, 5, 3)), network.row, each) for each in observations])
    assert network.act(observations).tolist() == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(network.predict(observations), softmax(expected), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network.predict(observations).sum(axis=1), 1)


def test_cross_entropy_takes_labels_and_one_hot_rows():
    network, rows, labels = NeuralNet((4, 5, 3), seed=0), np.eye(4), np.array([0, 2, 1, 2])
    expected = -np.log(network.predict(rows)[np.arange(4), labels]).mean()
    assert network.cross_entropy(rows, labels) == pytest.approx(expected)
    assert network.cross_entropy(rows, one_hot(labels, 3)) == network.cross_entropy(rows, labels)
    assert network.cross_entropy(rows[0], 2) == pytest.approx(-np.log(network.predict(rows[0])[2]))


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0, 1, 2, 3], "with labels from 0 to 3"), ([0, 1], r"got shape \(2,\)"), ([0, 1, 2, 0.5], "expected 4 labels")],
)
def test_labels_that_are_none_are_refused(labels, words):
    with pytest.raises(UsageError, match=words):
        NeuralNet((4, 3), seed=0).cross_entropy(np.eye(4), labels)


def test_params_may_be_replaced_and_are_checked():
    network = NeuralNet((4, 3, 2), seed=0)
    network.params = {"weights": [np.ones((4, 3)), np.ones((3, 2))], "biases": [np.zeros(3), np.array([0, 1])]}
    assert network.act(OBSERVATION) == 1
    network.params["biases"][1] = np.zeros(3)
    with pytest.raises(UsageError, match=r"^params: expected arrays for the sizes \(4, 3, 2\), got a shape \(3,\)"):
        network.act(OBSERVATION)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (NeuralNet, "^n_units: expected the sizes"),
        (lambda: NeuralNet((4,)), "^sizes: expected inputs"),
        (lambda: NeuralNet((4, 2), episodes=0), "^episodes: expected a whole number of at least 1, got 0"),
        (lambda: NeuralNet((4, 2), seed=-1), "^seed: "),
        (lambda: NeuralNet(copy_network=NeuralNet((4, 2)), var=-1), "^strength: "),
        (lambda: NeuralNet((4, 2)).evaluate(0), "^episodes: "),
        (lambda: NeuralNet((5, 2)).evaluate(), "^network: 5 inputs do not fit"),
        (lambda: NeuralNet((4, 2), env="CartPol-v1").evaluate(), 'did you mean "CartPole-v1"'),
        (lambda: GeneticNetworks(population_size=1), "^population_size: .* at least 2, got 1"),
        (lambda: GeneticNetworks(generations=0), "^generations: "),
        (lambda: small(mutation_variance=0), "^mutation_variance: expected a positive number, got 0"),
        (lambda: NeuralNet((4.7, 2)), "^n_units: expected a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: NeuralNet((4, 2), episodes=math.inf), "^episodes: .* got inf"),  # pyright: ignore[reportArgumentType]
        (lambda: NeuralNet((3, 1), env="Pendulum-v1").evaluate(), "^env: Pendulum-v1 has continuous actions"),
        (lambda: small().best_network, r"^best_network: there is none before fit\(\)"),
        (lambda: small().predict(OBSERVATION), r"^best_network: there is none before fit\(\)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, words):
    with pytest.raises(UsageError, match=words):
        make()


# --- populations ---


def test_progress_is_printed_when_asked_for(capsys):
    networks = fitted(verbose=True, print_every=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Generation: {n + 1} | Highest Reward: {networks.fitness[n]:.1f} | Average Reward: {networks.average_fitness[n]:.1f}"
        for n in (0, 2)
    ]
    fitted()
    assert capsys.readouterr().out == ""


def test_a_second_fit_goes_on_where_the_first_ended():
    networks = fitted(generations=2)
    networks.fit()
    assert networks.fitness == fitted(generations=4).fitness
    assert len(networks.average_fitness) == 4
    assert len(networks.networks) == 8


@pytest.mark.compiled
def test_it_learns():
    networks = fitted(population_size=64, generations=8, episodes=10, seed=0)
    assert networks.fitness[-1] > 150
    assert networks.predict(OBSERVATION).shape == (2,)


@pytest.mark.parametrize("env", ["MountainCar-v0", "test_article/Hill-v0"])
def test_other_worlds_are_played_too(env):
    networks = fitted(architecture=(2, 4, 3), env=env, generations=1, max_episode_length=20, episodes=1)
    assert networks.fitness == [-20.0]


def test_where_all_fail_what_is_done_is_kept(monkeypatch):
    monkeypatch.setattr(genetic_networks, "task_of", lambda *_: Failing())
    with pytest.raises(EnvironmentFailed, match="all networks failed in generation 1"):
        fitted()


class Failing:
    def evaluate(self, population, conditions):
        shape = conditions.seeds.shape
        nothing = np.full(shape, np.nan)
        return Evaluation(
            fitness=nothing[:, 0], returns=nothing, steps=np.ones(shape, np.int64), failed=np.ones(len(population), np.bool_)
        )

    def close(self):
        pass


# --- windows and films ---


def test_without_a_display_it_is_said_once_and_goes_on(monkeypatch, caplog):
    monkeypatch.setattr(stage, "has_display", lambda: False)
    with caplog.at_level(logging.WARNING):
        fitted(render_env=True)
        balancer().evaluate(1, 10, render_env=True)
    assert [record.message for record in caplog.records] == [
        "render_env: there is no display to open a window on; going on without one"
    ]


def test_a_window_shows_what_is_counted(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert balancer().evaluate(2, 5, render_env=True) == 5.0
    assert len(fitted(render_env=True, max_episode_length=3).fitness) == 3


def test_films_are_kept_side_by_side(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert balancer().evaluate(1, 3, record=True) == 3.0
    balancer().evaluate(1, 3, record=True)
    fitted(record=True, generations=1, max_episode_length=3)
    names = sorted(path.name for path in (tmp_path / "recording").iterdir())
    assert names == ["evaluation-1.mp4", "evaluation-2.mp4", "generation-1.mp4"]


def test_very_long_episodes_end_and_it_is_said_once(caplog):
    with caplog.at_level(logging.WARNING):
        assert limits.shortened(int(1e10)) == limits.shortened(10**6) == limits.LONGEST_EPISODE
    assert len(caplog.records) == 1


# --- small functions ---


def test_relu_and_softmax_are_exact_where_the_articles_are_not():
    assert relu([-1.0, 0.0, 2.0]).tolist() == [0.0, 0.0, 2.0]
    assert np.isnan(relu([np.nan])[0])
    np.testing.assert_allclose(softmax([[1000.0, 1000.0], [-1000.0, 0.0]]), [[0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(softmax([0.0, np.log(3)]), [0.25, 0.75])


@given(st.lists(st.integers(0, 6), min_size=1))
def test_one_hot_is_undone_by_argmax(labels):
    rows = one_hot(labels, 7)
    assert rows.shape == (len(labels), 7)
    assert rows.argmax(axis=1).tolist() == labels
    assert (rows.sum(axis=1) == 1).all()


@pytest.mark.parametrize("labels", [[-1], [2], [0.5], [math.nan]])
def test_one_hot_refuses_what_is_no_class(labels):
    with pytest.raises(UsageError, match=r"^y: expected"):
        one_hot(labels, 2)
