"""CMA-ES: its constants and its update beside a plain twin, and what it finds beside what others need."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest

from evolvent.algorithms import CMAES, Resizable, SepCMAES, cma_parameters
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation, best_first
from evolvent.seeding import stream
from tests.reference import cma_es as twin

POPULATION, DIM = 9, 4


def measured(fitness):
    fitness = np.array(fitness, np.float64)
    steps = np.ones((len(fitness), 1), np.int64)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=steps, failed=~np.isfinite(fitness))


def ridge(population):
    return measured(-((np.arange(1, population.shape[1] + 1) ** 2 * (population.astype(np.float64) - 1) ** 2).sum(axis=1)))


def after(algorithm, generations, measure=ridge, initial=None):
    state = algorithm.init(np.zeros((POPULATION, DIM), np.float32) if initial is None else initial, stream(0))
    for generation in range(generations):
        population, state = algorithm.ask(state, stream(0, generation))
        state = algorithm.tell(state, population, measure(population))
    return state


# --- the tutorial's formulas ---


@pytest.mark.parametrize(("count", "dim"), [(4, 1), (6, 2), (8, 5), (15, 30), (100, 10), (12, 1000)])
def test_the_constants_are_those_of_the_tutorial(count, dim):
    expected = twin.constants(count, dim)
    parameters = cma_parameters.full(count, dim, active=True)
    for name in ("weights", "mu_eff", "c_1", "c_mu", "c_sigma", "d_sigma", "c_c"):
        np.testing.assert_allclose(getattr(parameters, name), expected[name], rtol=1e-12, err_msg=name)
    positive = cma_parameters.full(count, dim, active=False).weights
    np.testing.assert_allclose(positive, np.maximum(expected["weights"], 0), rtol=1e-12)
    assert positive.sum() == pytest.approx(1)


def test_the_constants_that_are_printed_for_small_cases_come_out():
    """Worked by hand for 6 rows of 2 parameters: raw weights ln 3.5 - ln i, the first three positive."""
    raw = [1.2527629685, 0.5596157879, 0.1541506798]
    total = sum(raw)
    parameters = cma_parameters.full(6, 2, active=False)
    np.testing.assert_allclose(parameters.weights[:3], [weight / total for weight in raw], rtol=1e-9)
    assert parameters.mu_eff == pytest.approx(2.0286114646, rel=1e-9)
    assert parameters.c_sigma == pytest.approx(4.0286114646 / 9.0286114646, rel=1e-9)


def test_every_generation_is_that_of_the_plain_twin():
    algorithm = CMAES(sigma=0.7)
    state = algorithm.init(np.full((POPULATION, DIM), 2, np.float32), stream(1))
    for generation in range(12):
        population, asked = algorithm.ask(state, stream(1, generation))
        state = algorithm.tell(asked, population, ridge(population))
        assert asked.noise is not None
        drawn = asked.mean + asked.sigma * (asked.noise * asked.lengths) @ asked.axes.T
        np.testing.assert_allclose(population, drawn, rtol=1e-6, atol=1e-6)
        rows = drawn[best_first(ridge(population))]
        shape = (asked.axes * asked.lengths**2) @ asked.axes.T
        np.testing.assert_allclose(shape, asked.covariance, rtol=1e-9, atol=1e-12)  # decomposed anew each generation
        mean, sigma, covariance, paths = twin.next_distribution(
            asked.mean, asked.sigma, asked.covariance, (asked.path_sigma, asked.path_c), rows, generation + 1
        )
        np.testing.assert_allclose(state.mean, mean, rtol=1e-9, atol=1e-9)
        assert state.sigma == pytest.approx(sigma, rel=1e-9)
        np.testing.assert_allclose(state.covariance, covariance, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(state.path_sigma, paths[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(state.path_c, paths[1], rtol=1e-9, atol=1e-12)


def test_the_decomposition_of_many_parameters_waits():
    few = after(CMAES(), 3)
    assert few.decomposed == few.generation == 3
    many = after(CMAES(), 1, initial=np.zeros((6, 60), np.float32))
    assert (many.generation, many.decomposed) == (1, 0)
    assert (many.axes == np.eye(60)).all()
    assert not (many.covariance == np.eye(60)).all()
    assert after(CMAES(), 5, initial=np.zeros((6, 60), np.float32)).decomposed > 1


# --- what it is made for ---


def test_the_covariance_becomes_the_inverse_of_the_curvature():
    def valley(rows):
        return measured(-((rows.astype(np.float64) * [1, 2, 10]) ** 2).sum(axis=1))

    state = after(CMAES(), 120, measure=valley, initial=np.ones((20, 3), np.float32))
    shape = state.covariance / state.covariance[0, 0]
    np.testing.assert_allclose(np.log(np.diag(shape)), np.log([1, 1 / 4, 1 / 100]), atol=1)


def test_a_smallest_step_is_kept_in_every_direction():
    state = after(CMAES(min_step=0.05), 200)
    assert state.sigma * state.lengths.min() == pytest.approx(0.05, rel=0.5)
    assert state.sigma * state.lengths.min() >= 0.05 * (1 - 1e-12)
    assert after(CMAES(), 200).sigma < 1e-3


def test_where_all_are_alike_the_steps_neither_vanish_nor_explode():
    sigmas = []
    for seed in range(5):
        algorithm = CMAES(sigma=1.0)
        state = algorithm.init(np.zeros((POPULATION, DIM), np.float32), stream(seed))
        for generation in range(60):
            population, state = algorithm.ask(state, stream(seed, generation))
            state = algorithm.tell(state, population, measured(np.zeros(POPULATION)))
        sigmas.append(state.sigma)
    assert 0.01 < statistics.geometric_mean(sigmas) < 100


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("make", [CMAES, SepCMAES])
def test_whatever_way_the_steps_go_for_ever_numbers_stay_numbers(make, direction):
    state = after(make(sigma=1e6), 600, measure=lambda rows: measured(direction * np.abs(rows).sum(axis=1)))
    rows, _ = make().ask(state, stream(9))
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= np.float32(1e30)
    assert np.isfinite(state.lengths).all()
    assert 0 < state.sigma < math.inf


def test_a_generation_of_which_nobody_is_sound_teaches_nothing():
    state = after(CMAES(), 5)
    population, asked = CMAES().ask(state, stream(7))
    told = CMAES().tell(asked, population, measured([math.nan] * POPULATION))
    assert (told.sigma, told.generation) == (state.sigma, state.generation)
    assert told.mean.tobytes() == state.mean.tobytes()


def test_whoever_failed_is_the_worst_whatever_its_fitness():
    population, asked = CMAES().ask(after(CMAES(), 3), stream(7))
    fitness = ridge(population).fitness
    told = [
        CMAES().tell(asked, population, replace(measured(np.where(np.arange(POPULATION) == 4, worst, fitness)), failed=failed))
        for worst, failed in ((1e300, np.arange(POPULATION) == 4), (-1e300, np.zeros(POPULATION, bool)))
    ]
    assert told[0].mean.tobytes() == told[1].mean.tobytes()
    assert told[0].covariance.tobytes() == told[1].covariance.tobytes()


def test_two_and_three_rows_and_one_parameter_are_enough():
    for count, dim in ((2, 3), (3, 3), (6, 1), (2, 1)):
        state = after(CMAES(), 40, initial=np.zeros((count, dim), np.float32))
        assert np.isfinite(state.mean).all()
    assert abs(after(CMAES(), 60, initial=np.zeros((6, 1), np.float32)).mean[0] - 1) < 1e-3


# --- with a diagonal covariance ---


def test_the_separable_one_learns_faster_by_what_the_paper_says():
    whole, diagonal = cma_parameters.full(12, 100, active=False), cma_parameters.separable(12, 100)
    assert diagonal.c_1 == pytest.approx(whole.c_1 * 34)
    assert diagonal.c_mu == pytest.approx(whole.c_mu * 34)
    few = cma_parameters.separable(4000, 3)
    assert few.c_1 + few.c_mu <= 1


def test_every_generation_of_the_separable_one_is_that_of_the_plain_twin_without_what_lies_off_the_diagonal():
    algorithm = SepCMAES(sigma=0.7)
    state = algorithm.init(np.full((POPULATION, DIM), 2, np.float32), stream(1))
    table = twin.constants(POPULATION, DIM)
    table["weights"] = np.maximum(table["weights"], 0)
    for name in ("c_1", "c_mu"):
        table[name] *= (DIM + 2) / 3
    for generation in range(12):
        population, asked = algorithm.ask(state, stream(1, generation))
        state = algorithm.tell(asked, population, ridge(population))
        assert asked.noise is not None
        rows = (asked.mean + asked.sigma * asked.noise * asked.lengths)[best_first(ridge(population))]
        mean, sigma, covariance, paths = twin.next_distribution(
            asked.mean, asked.sigma, np.diag(asked.lengths**2), (asked.path_sigma, asked.path_c), rows, generation + 1, table
        )
        np.testing.assert_allclose(state.mean, mean, rtol=1e-5, atol=1e-6)
        assert state.sigma == pytest.approx(sigma, rel=1e-5)
        np.testing.assert_allclose(state.lengths**2, np.diag(covariance), rtol=1e-5)
        np.testing.assert_allclose(state.path_sigma, paths[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(state.path_c, paths[1], rtol=1e-5, atol=1e-6)


def test_a_hundred_thousand_parameters_cost_no_more_than_their_rows():
    state = after(SepCMAES(), 2, initial=np.zeros((6, 100_000), np.float32))
    assert state.lengths.shape == (100_000,)
    assert state.generation == 2


# --- what is refused ---


def test_one_row_is_refused():
    with pytest.raises(UsageError, match=r"population: expected at least 2 rows.* got 1"):
        after(CMAES(), 0, initial=np.zeros((1, 3), np.float32))


def test_a_covariance_that_does_not_fit_is_refused_with_what_does(monkeypatch):
    monkeypatch.setattr("evolvent.algorithms.linear_algebra.memory", lambda: 10**9)
    after(CMAES(), 0, initial=np.zeros((4, 100), np.float32))
    with pytest.raises(UsageError, match=r"5,000 parameters .* 1\.2 GB .* sep_cma_es"):
        after(CMAES(), 0, initial=np.zeros((4, 5000), np.float32))


@pytest.mark.parametrize("told", [{"sigma": 0.0}, {"sigma": math.nan}, {"min_step": -1.0}, {"min_step": math.inf}])
@pytest.mark.parametrize("make", [CMAES, SepCMAES])
def test_settings_out_of_range_are_refused(make, told):
    with pytest.raises(UsageError, match=f"^{next(iter(told))}: "):
        make(**told)


def test_the_population_can_change():
    assert isinstance(CMAES(), Resizable)
    state = CMAES().resized(after(CMAES(), 3), 20)
    assert CMAES().ask(state, stream(1))[0].shape == (20, DIM)
    with pytest.raises(UsageError, match="at least 2"):
        CMAES().resized(state, 1)
