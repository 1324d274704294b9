"""CoSyNE: columns that are permuted, children that take the place of the worst; and random search, which it must beat."""

import math
from collections import Counter

import numpy as np
import pytest

from evolvent.algorithms import CoSyNE, RandomSearch
from evolvent.algorithms.cosyne import permuted
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation
from evolvent.seeding import stream

POPULATION, DIM = 20, 6


def measured(fitness):
    fitness = np.array(fitness, np.float64)
    steps = np.ones((len(fitness), 1), np.int64)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=steps, failed=~np.isfinite(fitness))


def different_numbers():
    return np.arange(POPULATION * DIM, dtype=np.float32).reshape(POPULATION, DIM)


def told(algorithm, fitness):
    """Return the state that was told `fitness` of a population of different numbers."""
    population, state = algorithm.ask(algorithm.init(different_numbers(), stream(0)), stream(1))
    return algorithm.tell(state, population, measured(fitness))


# --- the next generation ---


def test_all_but_the_worst_quarter_are_permuted_within_their_columns():
    rows, _ = CoSyNE().ask(told(CoSyNE(), -np.arange(POPULATION)), stream(2))
    kept = different_numbers()[:15]
    assert (np.sort(rows[:15], axis=0) == kept).all()
    assert not (rows[:15] == kept).all(axis=0).any()
    assert len({tuple(column) for column in (rows[:15] // DIM).T}) == DIM  # each column in an order of its own


def test_children_of_the_best_quarter_take_the_place_of_the_worst():
    algorithm = CoSyNE(mutation_strength=1e-30)
    rows, _ = algorithm.ask(told(algorithm, np.arange(POPULATION)), stream(2))
    for child in rows[15:]:
        parents = (child // DIM).astype(int)
        assert (child % DIM == np.arange(DIM)).all()
        assert (parents >= 15).all()
        assert len([i for i in range(1, DIM) if parents[i] != parents[i - 1]]) <= 1  # one point of crossover
    assert {int(child[0] // DIM) for child in rows[15:]} != {int(child[-1] // DIM) for child in rows[15:]}


def test_about_three_in_ten_parameters_of_a_child_are_changed():
    algorithm = CoSyNE(offspring_share=0.5, mutation_strength=0.2)
    state = algorithm.init(np.zeros((400, 30), np.float32), stream(0))
    population, state = algorithm.ask(state, stream(1))
    rows, _ = algorithm.ask(algorithm.tell(state, population, measured(np.zeros(400))), stream(2))
    assert (rows[:200] == 0).all()
    changed = rows[200:][rows[200:] != 0]
    assert changed.size / rows[200:].size == pytest.approx(0.3, abs=0.03)
    assert np.median(abs(changed)) == pytest.approx(0.2, rel=0.1)  # the scale of Cauchy noise


def test_rows_begin_as_they_are_or_evenly_from_a_range():
    initial = different_numbers()
    assert CoSyNE().ask(CoSyNE().init(initial, stream(0)), stream(1))[0].tobytes() == initial.tobytes()
    algorithm = CoSyNE(start_range=10.0)
    rows, _ = algorithm.ask(algorithm.init(np.zeros((2000, 3), np.float32), stream(0)), stream(1))
    assert abs(rows).max() <= 10
    assert rows.std() == pytest.approx(10 / math.sqrt(3), rel=0.05)
    assert abs(rows.mean()) < 0.5


def test_the_better_are_permuted_more_rarely_where_that_is_wished():
    algorithm = CoSyNE(permuted="by_fitness", offspring_share=0.05)
    fitness = np.where(np.arange(POPULATION) < 10, 1.0, 0.0)
    fitness[1:10] = 0.9
    state = told(algorithm, fitness)
    stayed = Counter()
    for number in range(200):
        rows, _ = algorithm.ask(state, stream(number))
        assert (np.sort(rows[:19], axis=0) == np.sort(state.population[:19], axis=0)).all()
        same = (rows[:19] == state.population[:19]).mean(axis=1)
        stayed += Counter({"best": same[0], "good": same[1:10].mean(), "bad": same[10:].mean()})
    assert stayed["best"] == 200  # equation 1: 1 - 1 = 0
    assert stayed["good"] / 200 == pytest.approx(0.9 ** (1 / DIM), abs=0.02)  # and a few that come back to their place
    assert stayed["bad"] / 200 < 0.15


def test_marked_numbers_change_places_and_the_others_stay():
    rows = different_numbers()
    marked = stream(3).uniform(rows.shape) < 0.5
    changed = permuted(rows, marked, stream(4))
    assert (changed[~marked] == rows[~marked]).all()
    for column in range(DIM):
        there = marked[:, column]
        assert sorted(changed[there, column]) == sorted(rows[there, column])
    assert not (changed == rows).all()
    assert (permuted(rows, np.zeros_like(marked), stream(4)) == rows).all()


def test_every_order_of_a_column_is_as_likely():
    rows = np.repeat(np.arange(3, dtype=np.float32)[:, None], 6000, axis=1)
    for marked in (None, np.ones(rows.shape, bool)):
        orders = Counter(map(tuple, permuted(rows, marked, stream(5)).T.tolist()))
        assert len(orders) == 6
        assert all(count == pytest.approx(1000, abs=150) for count in orders.values())


def test_whoever_failed_neither_breeds_nor_leads():
    algorithm = CoSyNE(mutation_strength=1e-30, parent_share=1.0)
    state = told(algorithm, [math.nan] * 17 + [1.0, 3.0, 2.0])
    assert algorithm.candidates(state, 1)[0].tolist() == different_numbers()[18].tolist()
    rows, _ = algorithm.ask(state, stream(2))
    assert (rows[15:] // DIM >= 17).all()


# --- what it learns ---

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64)


def xor(population):
    """Return minus the squared error of networks of two hidden units and a bias each."""
    hidden = np.tanh(np.einsum("ik,nkh->nih", np.c_[INPUTS, np.ones(4)], population[:, :6].reshape(-1, 3, 2).astype(float)))
    outputs = np.tanh((hidden * population[:, None, 6:8]).sum(axis=2) + population[:, 8:9])
    return -((outputs - np.array([0, 1, 1, 0])) ** 2).sum(axis=1)


def evaluations(algorithm, seed, limit=6_400):
    state = algorithm.init(np.zeros((40, 9), np.float32), stream(seed, "init"))
    for generation in range(limit // 40):
        population, state = algorithm.ask(state, stream(seed, generation))
        fitness = xor(population)
        if fitness.max() > -0.1:
            return 40 * (generation + 1)
        state = algorithm.tell(state, population, measured(fitness))
    return math.inf


def test_xor_is_learnt_where_guessing_finds_nothing():
    algorithm = CoSyNE(start_range=4.0)
    assert sum(evaluations(algorithm, seed) < math.inf for seed in range(6)) >= 5
    assert sum(evaluations(RandomSearch(scale=4.0), seed) < math.inf for seed in range(6)) <= 2


# --- what is refused ---


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"start_range": -1.0}, "start_range: .* got -1"),
        ({"parent_share": 0.0}, "parent_share: .* got 0"),
        ({"offspring_share": 1.0}, "offspring_share: .* got 1"),
        ({"mutation_rate": 2.0}, "mutation_rate: .* got 2"),
        ({"mutation_strength": 0.0}, "mutation_strength: .* got 0"),
        ({"permuted": "none"}, "permuted: expected all or by_fitness, got 'none'"),
    ],
)
def test_settings_out_of_range_are_refused(told, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        CoSyNE(**told)


def test_three_rows_are_refused_and_four_are_enough():
    with pytest.raises(UsageError, match="population: expected at least 4 rows.* got 3"):  # noqa: RUF043
        CoSyNE().init(np.zeros((3, 2), np.float32), stream(0))
    state = CoSyNE().init(np.zeros((4, 1), np.float32), stream(0))
    for generation in range(5):
        population, state = CoSyNE().ask(state, stream(generation))
        assert population.shape == (4, 1)
        state = CoSyNE().tell(state, population, measured(-abs(population[:, 0] - 1)))


# --- random search ---


@pytest.mark.parametrize(("distribution", "deviation"), [("uniform", 3 / math.sqrt(3)), ("normal", 3.0)])
def test_every_generation_is_drawn_anew_from_what_was_set(distribution, deviation):
    algorithm = RandomSearch(distribution=distribution, scale=3.0)
    state = algorithm.init(np.full((500, 4), 100, np.float32), stream(0))
    first, state = algorithm.ask(state, stream(1))
    second, _ = algorithm.ask(algorithm.tell(state, first, measured(first[:, 0])), stream(2))
    for rows in (first, second):
        assert rows.std() == pytest.approx(deviation, rel=0.05)
        assert abs(rows.mean()) < 0.2
    assert not (first == second).any()


def test_the_best_row_of_all_generations_is_the_first_candidate():
    algorithm = RandomSearch()
    state = algorithm.init(np.full((10, 2), 9, np.float32), stream(0))
    assert algorithm.candidates(state, 3).tolist() == [[9, 9]]
    best = []
    for generation, top in enumerate([5.0, 7.0, 6.0]):
        population, state = algorithm.ask(state, stream(generation))
        state = algorithm.tell(state, population, measured([*range(-9, 0), top]))
        best.append(population[-1].tolist())
        nobody = algorithm.tell(state, population, measured([math.nan] * 10))
        assert algorithm.candidates(nobody, 5).tolist() == algorithm.candidates(state, 1).tolist()
    assert algorithm.candidates(state, 2).tolist() == [best[1], best[2]]


@pytest.mark.parametrize(("told", "name"), [({"scale": 0.0}, "scale"), ({"distribution": "cauchy"}, "distribution")])
def test_a_distribution_that_is_none_is_refused(told, name):
    with pytest.raises(UsageError, match=f"^{name}: "):
        RandomSearch(**told)
