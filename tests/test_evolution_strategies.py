"""The formulas of the evolution strategies, worked by hand and by slow twins, and how far they come on known problems."""

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.algorithms import ARS, PGPE, SNES, XNES, OpenAIES, sampling
from evolvent.algorithms.optimizers import OptimizerName
from evolvent.algorithms.ranges import LARGEST
from evolvent.algorithms.shaping import SHAPINGS, ShapingName
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation
from evolvent.seeding import stream

STRATEGIES = {
    "openai_es": OpenAIES(sigma=0.1, learning_rate=0.1),
    "ars": ARS(learning_rate=0.1, sigma=0.1, num_top=2),
    "pgpe": PGPE(max_speed=0.2),
    "snes": SNES(),
    "xnes": XNES(),
}
every_strategy = pytest.mark.parametrize("algorithm", [*STRATEGIES.values()], ids=[*STRATEGIES])


def measured(fitness, failed=None):
    fitness = np.array(fitness, np.float64)
    failed = np.zeros(len(fitness), bool) if failed is None else np.array(failed)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=np.ones((len(fitness), 1), np.int64), failed=failed)


def told(algorithm, mean, noise, fitness, **changes):
    """Return the state after one generation whose noise and fitness are known."""
    rows = np.tile(np.float32(mean), (len(fitness), 1))
    state = replace(algorithm.init(rows, stream(0)), noise=np.float32(noise), **changes)
    return algorithm.tell(state, rows, measured(fitness))


# --- by hand: two parameters, four rows ---

MEAN = [0.5, -1.0]
PAIRS = [[1.0, 2.0], [-1.0, 0.5]]  # the noise of two pairs
FOUR = [[1.0, 2.0], [-1.0, 0.5], [0.0, -1.0], [0.5, 0.0]]  # and of four rows
FITNESS = [4.0, 1.0, 2.0, 3.0]  # of the first and the second row of the pairs, and then of those that lie opposite


def test_rows_in_pairs_by_hand():
    rows = sampling.in_pairs(np.array(MEAN), np.array([0.1, 0.2]), np.array(PAIRS, np.float32))
    assert rows == pytest.approx(np.array([[0.6, -0.6], [0.4, -0.9], [0.4, -1.4], [0.6, -1.1]]))
    assert rows.dtype == np.float32


def test_openai_es_by_hand():
    # Ranks 1/2, -1/2, -1/6, 1/6; differences 2/3 and -2/3; 2/3 (1, 2) - 2/3 (-1, 1/2) = (4/3, 1), a fourth of it (1/3, 1/4).
    # Less a fourth of the mean, (1/8, -1/4), it is (5/24, 1/2); divided by sigma and times the learning rate the same.
    algorithm = OpenAIES(sigma=0.1, learning_rate=0.1, optimizer="sgd", weight_decay=0.25)
    assert told(algorithm, MEAN, PAIRS, FITNESS).mean == pytest.approx([0.5 + 5 / 24, -0.5])


def test_ars_with_one_direction_of_two_by_hand():
    # The first direction's best reward is 4, the second's 3. Of 4 and 2 the deviation is 1: 0.02 (4 - 2) (1, 2).
    assert told(ARS(num_top=1), MEAN, PAIRS, FITNESS).mean == pytest.approx([0.54, -0.92])


def test_ars_with_all_directions_by_hand():
    # The deviation of 4, 1, 2, 3 is sqrt(5 / 4); 0.1 / (2 sqrt(5 / 4)) (2 (1, 2) - 2 (-1, 1/2)).
    mean = told(ARS(learning_rate=0.1), MEAN, PAIRS, FITNESS).mean
    assert mean == pytest.approx([0.5 + 0.178885, -1 + 0.134164], abs=1e-6)


def test_pgpe_by_hand():
    # Half of the differences of ranks is 1/3 and -1/3: (1/3 (1, 2) - 1/3 (-1, 1/2)) / 2 = (1/3, 1/4), times (0.2, 0.4).
    # Averages of ranks are 1/6 and -1/6: (1/6 (0, 3) - 1/6 (0, -3/4)) / 2 = (0, 5/16), times (0.2, 0.4).
    state = told(PGPE(optimizer="sgd", learning_rate=0.3), MEAN, PAIRS, FITNESS, deviations=np.array([0.2, 0.4]))
    assert state.mean == pytest.approx([0.52, -0.97])
    assert state.deviations == pytest.approx([0.2, 0.4125])
    limited = told(PGPE(stdev_rate=10.0), MEAN, PAIRS, FITNESS, deviations=np.array([0.2, 0.4]))
    assert limited.deviations == pytest.approx([0.2, 0.48])


def test_snes_by_hand():
    # Utilities 0.480423, -1/4, -1/4, 0.019577 give (0.740212, 1.085846) for the mean and (0.235317, 1.609192) for the
    # deviations; the learning rate is (3 + 0.693147) / (5 sqrt(2)) = 0.522290.
    state = told(SNES(), MEAN, FOUR, FITNESS_OF_FOUR, deviations=np.array([0.2, 0.4]))
    assert state.mean == pytest.approx([0.5 + 0.2 * 0.740212, -1 + 0.4 * 1.085846], abs=1e-5)
    assert state.deviations == pytest.approx([0.2 * math.exp(0.0614519), 0.4 * math.exp(0.4202326)], abs=1e-5)


def test_xnes_with_one_parameter_by_hand():
    # The same numbers; the learning rate is 9 / 5, and a shape of one number has determinant 1.
    state = told(XNES(sigma=0.2), MEAN[:1], [row[:1] for row in FOUR], FITNESS_OF_FOUR)
    assert state.mean == pytest.approx([0.5 + 0.2 * 0.740212], abs=1e-5)
    assert state.sigma == pytest.approx(0.2 * math.exp(0.9 * 0.235317), abs=1e-5)
    assert state.shape == pytest.approx(np.eye(1))


FITNESS_OF_FOUR = [9.0, 1.0, -3.0, 5.0]  # the last two count half and not at all


# --- slow twins ---


def case(dim, size, seed):
    noise = stream(seed, "noise").normal((size, dim))
    fitness = stream(seed, "fitness").normal((size,)).astype(np.float64)
    return stream(seed, "mean").normal((dim,)).astype(np.float64), noise, fitness


def utilities_of(fitness):
    """Return NES's utilities of fitness without equals."""
    size = len(fitness)
    positive = [max(0.0, math.log(size / 2 + 1) - math.log(k)) for k in range(1, size + 1)]
    ranks = [sum(other >= own for other in fitness) for own in fitness]
    return [positive[rank - 1] / sum(positive) - 1 / size for rank in ranks]


@pytest.mark.parametrize("seed", range(3))
def test_snes_is_what_its_paper_says(seed):
    mean, noise, fitness = case(5, 12, seed)
    deviations = np.linspace(0.1, 2, 5)
    state = told(SNES(), mean, noise, fitness, deviations=deviations)
    rate = (3 + math.log(5)) / (5 * math.sqrt(5))
    for i in range(5):
        pairs = list(zip(utilities_of(fitness), noise[:, i].astype(float), strict=True))
        expected = np.float32(mean[i]) + deviations[i] * sum(u * s for u, s in pairs)
        assert state.mean[i] == pytest.approx(expected, rel=1e-5)
        expected = deviations[i] * math.exp(rate / 2 * sum(u * (s**2 - 1) for u, s in pairs))
        assert state.deviations[i] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_xnes_is_what_its_paper_says(seed):
    mean, noise, fitness = case(4, 10, seed)
    shape = stream(seed, "shape").normal((4, 4)).astype(float)
    shape /= abs(np.linalg.det(shape)) ** (1 / 4)
    state = told(XNES(sigma=0.3), mean, noise, fitness, shape=shape)
    rate = (9 + 3 * math.log(4)) / (5 * 4 * math.sqrt(4))
    by_mean, by_matrix = np.zeros(4), np.zeros((4, 4))
    for u, s in zip(utilities_of(fitness), noise.astype(float), strict=True):
        by_mean += u * s
        by_matrix += u * (np.outer(s, s) - np.eye(4))
    by_sigma = sum(by_matrix[i, i] for i in range(4)) / 4
    np.testing.assert_allclose(state.mean, np.float32(mean) + 0.3 * shape @ by_mean, rtol=1e-6)
    assert state.sigma == pytest.approx(0.3 * math.exp(rate / 2 * by_sigma))
    expected = shape @ series(rate / 2 * (by_matrix - by_sigma * np.eye(4)))
    np.testing.assert_allclose(state.shape, expected, rtol=1e-6, atol=1e-9)
    assert abs(np.linalg.det(state.shape)) == pytest.approx(1)


def series(matrix):
    """Return the exponential of a matrix by its power series."""
    term, total = np.eye(len(matrix)), np.eye(len(matrix))
    for k in range(1, 40):
        term = term @ matrix / k
        total += term
    return total


@pytest.mark.parametrize("shaping", [*SHAPINGS])
def test_pgpe_is_what_its_paper_says(shaping):
    mean, noise, fitness = case(6, 8, 1)
    fitness, deviations = np.concatenate([fitness, fitness[::-1] ** 2]), np.linspace(0.1, 2, 6)
    algorithm = PGPE(optimizer="sgd", learning_rate=0.5, shaping=shaping)
    state = told(algorithm, mean, noise, fitness, deviations=deviations)
    worth = SHAPINGS[shaping](measured(fitness))
    baseline = worth.mean()
    for i in range(6):
        d = deviations[i]
        away = [d * float(s) for s in noise[:, i]]  # from the mean
        rise = sum((worth[k] - worth[8 + k]) / 2 * e for k, e in enumerate(away)) / 8
        wider = sum(((worth[k] + worth[8 + k]) / 2 - baseline) * (e**2 - d**2) / d for k, e in enumerate(away)) / 8
        assert state.mean[i] == pytest.approx(np.float32(mean[i]) + 0.5 * rise, rel=1e-5)
        assert state.deviations[i] == pytest.approx(d + min(max(0.1 * wider, -0.2 * d), 0.2 * d), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-310, 1.0, 1e300])
def test_weighted_sums_are_right_for_weights_of_any_size(scale):
    rows = stream(0, "rows").normal((7, 1500))
    weights = np.linspace(-1, 1, 7) * scale
    sums, squares = sampling.weighted_sum(weights, rows), sampling.weighted_squares(weights, rows)
    weights = weights / scale
    np.testing.assert_allclose(sums / scale, weights @ rows.astype(float), atol=1e-5)
    np.testing.assert_allclose(squares / scale, weights @ rows.astype(float) ** 2, atol=1e-4)


# --- invariances ---


def searched(algorithm, function, generations, *, size=12, dim=4, change=None):
    """Return the state after some generations of `function`, a loss of rows."""
    state = algorithm.init(np.full((size, dim), 0.7, np.float32), stream(0))
    state = state if change is None else change(state)
    for generation in range(generations):
        rows, state = algorithm.ask(state, stream(1, generation))
        state = algorithm.tell(state, rows, measured(-function(rows.astype(float))))
    return state


def ellipsoid(rows, condition=1e6):
    return (condition ** np.linspace(0, 1, rows.shape[1]) * rows**2).sum(axis=1)


def turned(dim):
    return np.linalg.qr(stream(0, "turn").normal((dim, dim)).astype(float))[0]


def test_xnes_goes_the_same_way_however_a_problem_is_turned():
    turn = turned(4)
    straight = searched(XNES(), ellipsoid, 30)
    askew = searched(
        XNES(),
        lambda rows: ellipsoid(rows @ turn.T),
        30,
        change=lambda state: replace(state, mean=turn.T @ state.mean, shape=turn.T.copy()),
    )
    np.testing.assert_allclose(turn @ askew.mean, straight.mean, atol=1e-4)
    assert askew.sigma == pytest.approx(straight.sigma, rel=1e-3)
    np.testing.assert_allclose(turn @ askew.shape, straight.shape, atol=1e-3)


def test_snes_goes_the_same_way_however_parameters_are_scaled():
    scales = np.array([1, 4, 0.25, 1024.0])  # powers of two, so that nothing is rounded
    plain = searched(SNES(), ellipsoid, 40)
    scaled = searched(
        SNES(),
        lambda rows: ellipsoid(rows / scales),
        40,
        change=lambda state: replace(state, mean=scales * state.mean, deviations=scales * state.deviations),
    )
    assert (scaled.mean / scales).tobytes() == plain.mean.tobytes()
    assert (scaled.deviations / scales).tobytes() == plain.deviations.tobytes()


@pytest.mark.parametrize("name", ["openai_es", "pgpe", "snes", "xnes"])
def test_only_the_order_of_fitness_counts(name):
    plain = searched(STRATEGIES[name], ellipsoid, 15)
    bent = searched(STRATEGIES[name], lambda rows: np.sqrt(ellipsoid(rows)) - 1e3, 15)
    assert bent.mean.tobytes() == plain.mean.tobytes()


def test_ars_does_not_mind_the_unit_of_rewards():
    plain, large, small = (searched(STRATEGIES["ars"], lambda rows: k * ellipsoid(rows), 15) for k in (1, 2.0**900, 2.0**-900))  # noqa: B023
    assert large.mean.tobytes() == plain.mean.tobytes() == small.mean.tobytes()


# --- how far they come ---


def evaluations(algorithm, function, size, goal, *, dim=10, start=1.0):
    """Return after how many evaluations the mean's loss is below the goal."""
    state = algorithm.init(np.full((size, dim), start, np.float32), stream(0))
    for generation in range(10_000 // size):
        rows, state = algorithm.ask(state, stream(2, generation))
        state = algorithm.tell(state, rows, measured(-function(rows.astype(float))))
        if function(algorithm.candidates(state, 1).astype(float))[0] < goal:
            return (generation + 1) * size
    return math.inf


def sphere(rows):
    return (rows**2).sum(axis=1)


def rosenbrock(rows):
    return (100 * (rows[:, 1:] - rows[:, :-1] ** 2) ** 2 + (1 - rows[:, :-1]) ** 2).sum(axis=1)


def turned_ellipsoid(rows):
    return ellipsoid(rows @ turned(rows.shape[1]).T)


@pytest.mark.parametrize(
    ("algorithm", "function", "size", "goal", "most"),
    [
        (OpenAIES(weight_decay=0.0), sphere, 40, 1e-2, 8_000),
        (OpenAIES(sigma=0.1, learning_rate=0.05), sphere, 40, 1e-2, 4_000),
        (OpenAIES(sigma=0.1, optimizer="clipup", learning_rate=0.05, weight_decay=0.0), sphere, 40, 2e-2, 6_000),
        (OpenAIES(sigma=0.1, optimizer="momentum", learning_rate=0.002, shaping="z_score"), sphere, 40, 1e-2, 4_000),
        (ARS(), sphere, 40, 1e-2, 6_000),
        (ARS(num_top=10), lambda rows: ellipsoid(rows, 100.0), 40, 1e-2, 8_000),
        (PGPE(max_speed=0.05), sphere, 40, 2e-2, 6_000),
        (SNES(), sphere, 10, 1e-6, 2_000),
        (SNES(), ellipsoid, 10, 1e-6, 3_000),
        (XNES(), sphere, 10, 1e-6, 6_000),
        (XNES(), ellipsoid, 10, 1e-6, 9_000),
        (XNES(), turned_ellipsoid, 10, 1e-6, 9_000),
    ],
)
def test_a_known_problem_takes_no_more_evaluations(algorithm, function, size, goal, most):
    assert evaluations(algorithm, function, size, goal) <= most


def test_xnes_finds_its_way_through_the_curved_valley():
    assert evaluations(XNES(), rosenbrock, 8, 1e-6, dim=5, start=0.0) <= 5_000


def test_a_turned_problem_is_too_much_for_a_deviation_a_parameter():
    assert evaluations(SNES(), turned_ellipsoid, 10, 1e-6) == math.inf


# --- what must not break them ---

PATTERNS = st.lists(st.sampled_from([1e300, -1e300, 5e-324, 0.0, 1.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=12)
OPTIMIZERS: list[OptimizerName] = ["sgd", "momentum", "adam", "clipup"]
SHAPED: list[ShapingName] = ["raw", "raw", "z_score", "nes"]
TIGHT_AND_WIDE: list[tuple[float, ShapingName]] = [(1e6, "raw"), (1e-30, "centred_ranks")]
STRONGEST = [
    *(
        OpenAIES(sigma=sigma, learning_rate=1e6, optimizer=optimizer, shaping=shaping, momentum=0.9999)
        for sigma in (1e-30, 1e6)
        for optimizer, shaping in zip(OPTIMIZERS, SHAPED, strict=True)
    ),
    ARS(learning_rate=1e6, sigma=1e6),
    *(
        PGPE(max_speed=1e6, stdev_init=stdev, stdev_rate=10.0, stdev_max_change=0.9, shaping=shaping)
        for stdev, shaping in TIGHT_AND_WIDE
    ),
    SNES(sigma=1e6, mean_rate=10.0, sigma_rate=10.0),
    XNES(sigma=1e6, mean_rate=10.0, sigma_rate=10.0, shape_rate=10.0),
    SNES(sigma=1e-30, mean_rate=10.0, sigma_rate=10.0),
    XNES(sigma=1e-30, mean_rate=10.0, sigma_rate=10.0, shape_rate=10.0),
]


@pytest.mark.parametrize("algorithm", [*STRATEGIES.values(), *STRONGEST], ids=str)
@pytest.mark.parametrize("values", [[1e300, -1e300], [-1e300], [5e-324, 0.0], [math.nan], [1.0, math.nan, 1e300], [0.0]])
def test_whatever_fitness_says_rows_are_numbers(algorithm, values):
    rows_are_numbers(algorithm, values, 12)


@every_strategy
@given(PATTERNS)
def test_whatever_pattern_fitness_has_rows_are_numbers(algorithm, values):
    rows_are_numbers(algorithm, values, 3)


def rows_are_numbers(algorithm, values, generations):
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    with np.errstate(all="raise", under="ignore"):
        for generation in range(generations):
            rows, state = algorithm.ask(state, stream(0, generation))
            assert np.abs(rows).max() <= LARGEST  # NaN would not be
            state = algorithm.tell(state, rows, measured(np.resize(values, 8)))


@pytest.mark.parametrize("algorithm", STRONGEST, ids=str)
def test_a_search_that_only_grows_stays_within_the_range_of_parameters(algorithm):
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    for generation in range(60):
        rows, state = algorithm.ask(state, stream(0, generation))
        assert np.abs(rows).max() <= LARGEST
        state = algorithm.tell(state, rows, measured(np.abs(rows.astype(float)).sum(axis=1)))


@every_strategy
def test_where_nobody_can_be_told_apart_nothing_moves(algorithm):
    algorithm = replace(algorithm, weight_decay=0.0) if isinstance(algorithm, OpenAIES) else algorithm
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    asked = algorithm.ask(state, stream(0))[1]
    for evaluation in (measured([7.0] * 8), measured([math.nan] * 8), measured([1.0] * 8, [True] * 8)):
        assert algorithm.tell(asked, np.ones((8, 3), np.float32), evaluation).mean == pytest.approx(state.mean, abs=1e-12)


@every_strategy
def test_who_failed_counts_no_more_than_the_worst_whatever_is_written_there(algorithm):
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    rows, asked = algorithm.ask(state, stream(0))
    failed = [False] * 6 + [True] * 2
    once, again = (
        algorithm.tell(asked, rows, measured([3.0, 1.0, 4.0, 1.5, 9.0, 2.0, *last], failed))
        for last in ([math.nan, 1e300], [-5.0, math.inf])
    )
    assert once.mean.tobytes() == again.mean.tobytes()
    assert once.best.tobytes() == rows[4].tobytes()


# --- candidates, sizes, settings ---


@every_strategy
def test_the_mean_is_the_first_candidate_and_the_best_row_the_second(algorithm):
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    assert algorithm.candidates(state, 5).tolist() == [[1.0] * 3]
    rows, asked = algorithm.ask(state, stream(0))
    state = algorithm.tell(asked, rows, measured([0, 0, 0, 0, 0, 7.0, 0, 0]))
    assert algorithm.candidates(state, 1).tobytes() == state.mean.astype(np.float32).tobytes()
    assert algorithm.candidates(state, 5)[1:].tobytes() == rows[5:6].tobytes()
    assert algorithm.confirm(state, rows, measured([1.0] * 8)) is state
    nobody = algorithm.tell(algorithm.ask(state, stream(1))[1], rows, measured([math.nan] * 8))
    assert len(algorithm.candidates(nobody, 5)) == 1


@every_strategy
def test_a_state_that_asked_for_nothing_is_told_nothing(algorithm):
    state = algorithm.init(np.ones((8, 3), np.float32), stream(0))
    with pytest.raises(ValueError, match="give it the state that ask returned"):
        algorithm.tell(state, np.ones((8, 3), np.float32), measured([1.0] * 8))


@pytest.mark.parametrize("name", ["openai_es", "ars", "pgpe"])
def test_rows_in_pairs_are_of_an_even_number(name):
    algorithm = STRATEGIES[name]
    for size in (7, 1, 0):
        with pytest.raises(UsageError, match=f"^population: expected an even number.* got {size}; {max(size + 1, 2)} is one"):
            algorithm.init(np.ones((size, 3), np.float32), stream(0))
    with pytest.raises(UsageError, match=r"^population: expected an even number"):
        algorithm.resized(algorithm.init(np.ones((8, 3), np.float32), stream(0)), 5)


@pytest.mark.parametrize("name", ["snes", "xnes"])
def test_one_row_is_compared_with_nothing(name):
    algorithm = STRATEGIES[name]
    with pytest.raises(UsageError, match=r"^population: expected at least 2 rows"):
        algorithm.init(np.ones((1, 3), np.float32), stream(0))
    with pytest.raises(UsageError, match=r"^population: expected at least 2 rows"):
        algorithm.resized(algorithm.init(np.ones((8, 3), np.float32), stream(0)), 1)


def test_directions_that_count_must_be_there():
    with pytest.raises(UsageError, match=r"^population: num_top=5 needs 10 rows or more, got 8"):
        ARS(num_top=5).init(np.ones((8, 3), np.float32), stream(0))


def test_xnes_refuses_what_memory_cannot_hold_and_names_snes(monkeypatch):
    monkeypatch.setattr("evolvent.algorithms.linear_algebra.memory", lambda: 8 * 10**9)
    with pytest.raises(UsageError, match=r"xnes learns how 20,000 .* 25.6 GB of memory; this machine has 8.0. snes"):
        XNES().init(np.ones((4, 20_000), np.float32), stream(0))
    monkeypatch.setattr("evolvent.algorithms.linear_algebra.memory", lambda: None)
    assert XNES().init(np.ones((4, 20), np.float32), stream(0)).shape.shape == (20, 20)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OpenAIES(sigma=0.0), "^sigma: expected a positive number, .* got 0.0"),
        (lambda: OpenAIES(weight_decay=-1.0), "^weight_decay: .* got -1.0"),
        (lambda: OpenAIES(shaping=cast("Any", "ranks")), "^shaping: expected centred_ranks or nes or .*, got 'ranks'"),
        (lambda: ARS(learning_rate=math.inf), "^learning_rate: .* got inf"),
        (lambda: ARS(num_top=-1), "^num_top: .* got -1"),
        (lambda: PGPE(radius=1.0, stdev_init=0.1), "^stdev_init: a radius was given too"),
        (lambda: PGPE(radius=-1.0), "^radius: .* got -1.0"),
        (lambda: PGPE(stdev_max_change=1.0), "^stdev_max_change: .* got 1.0"),
        (lambda: PGPE(stdev_rate=-0.1), "^stdev_rate: .* got -0.1"),
        (lambda: SNES(sigma_rate=0.0), "^sigma_rate: .* got 0.0"),
        (lambda: XNES(mean_rate=11.0), "^mean_rate: .* got 11.0"),
        (lambda: XNES(shape_rate=math.nan), "^shape_rate: .* got nan"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_the_rules_of_thumb_of_clipup():
    algorithm = PGPE(max_speed=0.3)
    state = algorithm.init(np.zeros((4, 9), np.float32), stream(0))
    assert state.deviations == pytest.approx(np.full(9, 15 * 0.3 / 3))
    first = told(algorithm, [0.0, 0.0], PAIRS, FITNESS).mean
    assert np.linalg.norm(first) == pytest.approx(0.15)
    assert PGPE(stdev_init=0.08).init(np.zeros((4, 9), np.float32), stream(0)).deviations == pytest.approx(np.full(9, 0.08))
    assert PGPE(radius=6.0).init(np.zeros((4, 9), np.float32), stream(0)).deviations == pytest.approx(np.full(9, 2.0))
