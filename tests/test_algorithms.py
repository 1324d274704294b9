import math
from contextlib import closing
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvent.algorithms import (
    ALGORITHMS,
    ARS,
    CMAES,
    PGPE,
    SNES,
    XNES,
    BlendCrossover,
    Cauchy,
    CoSyNE,
    Decaying,
    Gaussian,
    Genetic,
    InTurn,
    Multiplicative,
    NeuronCrossover,
    OpenAIES,
    RandomSearch,
    Rank,
    Replacement,
    Resizable,
    Roulette,
    SelfAdaptive,
    SepCMAES,
    SignFlip,
    Tournament,
    Truncation,
    TwoPointCrossover,
)
from evolvent.envs import CARTPOLE
from evolvent.errors import UsageError
from evolvent.evaluation import Conditions, Evaluation, best_first, mean_return
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.tasks import CompiledEnv
from evolvent.training.plain_state import flatten, restore
from tests.reference import genetic

POPULATION, DIM = 12, 3
TABLE = {  # a row an algorithm, with settings that learn the sphere and CartPole in the few evaluations below
    "ars": ARS(learning_rate=0.2, sigma=0.5, num_top=3),
    "cma_es": CMAES(),
    "cosyne": CoSyNE(mutation_strength=0.3),
    "genetic": Genetic(selection=Truncation(num_parents=5), mutation=Gaussian(strength=0.1), num_elites=2),
    "openai_es": OpenAIES(sigma=0.5, learning_rate=0.4),
    "pgpe": PGPE(optimizer="adam", learning_rate=0.5, stdev_init=0.5),
    "random_search": RandomSearch(),
    "sep_cma_es": SepCMAES(),
    "snes": SNES(),
    "xnes": XNES(sigma=1.0),
}
VARIANTS = {
    "genetic, tournaments, whole neurons, own strengths": Genetic(
        selection=Tournament(size=4), crossover=NeuronCrossover(), crossover_rate=0.5, strength=SelfAdaptive()
    ),
    "genetic, ranks, blends, several mutations that weaken": Genetic(
        selection=Rank(),
        crossover=BlendCrossover(alpha=0.1),
        mutation=InTurn((Gaussian(strength=0.3), SignFlip(rate=0.02), Replacement(rate=0.02))),
        strength=Decaying(generations=40, final=0.05),
        num_elites=3,
    ),
    "genetic, roulette, two points, heavy tails": Genetic(
        selection=Roulette(), crossover=TwoPointCrossover(), mutation=Cauchy(strength=0.05), num_elites=1
    ),
}
EVERY = {**TABLE, **VARIANTS}
BEGIN_WITH_ALL_ROWS = (Genetic, CoSyNE)  # the others draw around the first
BEGIN_ANYWHERE = (RandomSearch,)
IN_PAIRS = (OpenAIES, ARS, PGPE)  # whose populations are even


def rows_of(algorithms):
    return pytest.mark.parametrize("algorithm", [*algorithms.values()], ids=[*algorithms])


every_algorithm = rows_of(EVERY)

FITNESS = st.lists(
    st.tuples(st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])), st.booleans()),
    min_size=POPULATION,
    max_size=POPULATION,
)


def measured(fitness, failed=None):
    fitness = np.array(fitness, np.float64)
    failed = np.zeros(len(fitness), np.bool_) if failed is None else np.array(failed)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=np.ones((len(fitness), 1), np.int64), failed=failed)


def sphere(population):
    return measured(-(population.astype(np.float64) ** 2).sum(axis=1))


def first_rows(count=POPULATION, dim=DIM):
    return stream(0, "first").normal((count, dim))


def begun(algorithm, initial=None):
    return algorithm.init(first_rows() if initial is None else initial, stream(0, "init"))


def after(algorithm, generations, measure=sphere, initial=None):
    """Return the state after so many generations, and the population last measured."""
    state, population = begun(algorithm, initial), first_rows()
    for generation in range(generations):
        population, state = algorithm.ask(state, stream(0, generation, "ask"))
        state = algorithm.tell(state, population, measure(population))
    return state, population


def arrays_of(value):
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_of(getattr(value, field.name))


def frozen(value):
    for array in arrays_of(value):
        array.flags.writeable = False
    return value


def bits(value):
    tensors, record = flatten(value)
    return record, {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}


# --- every algorithm ---


def test_every_algorithm_is_in_the_table_of_these_tests():
    assert TABLE.keys() == ALGORITHMS.keys()
    assert all(isinstance(algorithm, ALGORITHMS[name]) for name, algorithm in TABLE.items())


@every_algorithm
def test_populations_have_the_shape_and_the_type_of_the_first(algorithm):
    state = begun(algorithm)
    for generation in range(3):
        population, state = algorithm.ask(state, stream(0, generation, "ask"))
        assert (population.shape, population.dtype) == ((POPULATION, DIM), np.float32)
        assert np.isfinite(population).all()
        state = algorithm.tell(state, population, sphere(population))
        for count in (1, 4, POPULATION, 100):
            rows = algorithm.candidates(state, count)
            assert 1 <= len(rows) <= count
            assert (rows.shape[1], rows.dtype) == (DIM, np.float32)
            assert len(np.unique(rows, axis=0)) == len(rows)


@rows_of({name: each for name, each in EVERY.items() if isinstance(each, BEGIN_WITH_ALL_ROWS)})
def test_the_first_population_is_the_initial_one(algorithm):
    initial = first_rows()
    state = begun(algorithm, initial)
    expected = initial.copy()
    initial[:] = 7
    assert algorithm.ask(state, stream(0, 0, "ask"))[0].tobytes() == expected.tobytes()


@rows_of({name: each for name, each in EVERY.items() if not isinstance(each, (*BEGIN_WITH_ALL_ROWS, *BEGIN_ANYWHERE))})
def test_the_first_population_is_drawn_around_the_first_row(algorithm):
    initial = first_rows(500)
    state = begun(algorithm, initial)
    population, _ = algorithm.ask(state, stream(0, 0, "ask"))
    assert algorithm.candidates(state, 1).tobytes() == initial[:1].tobytes()
    assert (abs(population.mean(axis=0) - initial[0]) < 0.2 * population.std(axis=0)).all()
    initial[:] = 7
    assert algorithm.ask(state, stream(0, 0, "ask"))[0].tobytes() == population.tobytes()


@every_algorithm
def test_every_step_is_a_function_of_its_arguments_and_changes_none(algorithm):
    state, _ = after(algorithm, 2)
    before = bits(frozen(state))
    population, asked = algorithm.ask(state, stream(1, "ask"))
    again, asked_again = algorithm.ask(state, stream(1, "ask"))
    other, _ = algorithm.ask(state, stream(2, "ask"))
    assert population.tobytes() == again.tobytes() != other.tobytes()
    assert bits(asked) == bits(asked_again)
    evaluation = frozen(sphere(frozen(population)))
    told = frozen(algorithm.tell(frozen(asked), population, evaluation))
    assert bits(told) == bits(algorithm.tell(asked, population, evaluation))
    rows = frozen(algorithm.candidates(told, 4))
    scores = frozen(sphere(rows))
    confirmed = algorithm.confirm(told, rows, scores)
    assert bits(confirmed) == bits(algorithm.confirm(told, rows, scores))
    assert bits(state) == before


@every_algorithm
def test_a_state_comes_back_from_a_checkpoint_and_goes_on_the_same_way(algorithm):
    state, _ = after(algorithm, 3)
    tensors, record = flatten(state)
    back = restore(begun(algorithm), {name: array.copy() for name, array in tensors.items()}, record, "a checkpoint")
    assert bits(back) == bits(state)
    assert algorithm.ask(back, stream(1))[0].tobytes() == algorithm.ask(state, stream(1))[0].tobytes()


@every_algorithm
@given(FITNESS)
def test_no_fitness_can_break_the_search(algorithm, outcomes):
    state, _ = after(algorithm, 2, measure=lambda _: measured(*zip(*outcomes, strict=True)))
    rows = algorithm.candidates(state, 4)
    state = algorithm.confirm(state, rows, measured([math.nan] * len(rows)))
    population, _ = algorithm.ask(state, stream(0, 2, "ask"))
    assert population.shape == (POPULATION, DIM)
    assert np.isfinite(population).all()


@every_algorithm
def test_the_sphere_is_learnt(algorithm):
    state, _ = after(algorithm, 60, initial=first_rows(40, 5) + 2)
    assert np.linalg.norm(algorithm.candidates(state, 1)[0]) < 0.35


@pytest.mark.compiled
@every_algorithm
def test_cartpole_is_learnt(algorithm):
    network = MLP(sizes=(4, 8, 2))
    state = algorithm.init(network.initialise(64, stream(3, "first")), stream(3, "init"))
    with closing(CompiledEnv(CARTPOLE, network)) as task:
        for generation in range(25):
            population, state = algorithm.ask(state, stream(3, generation, "ask"))
            seeds = np.tile(stream(3, generation, "episodes").bits((1, 8)), (len(population), 1))
            state = algorithm.tell(state, population, task.evaluate(population, Conditions(seeds=seeds)))
        tests = stream(3, "test").bits((1, 100))
        assert task.evaluate(algorithm.candidates(state, 1), Conditions(seeds=tests)).fitness[0] > 475


# --- every algorithm that can change the size of its population ---

RESIZABLE = {name: each for name, each in EVERY.items() if isinstance(each, Resizable)}
every_resizable_algorithm = rows_of(RESIZABLE)
SIZES = (5, POPULATION - 1, POPULATION + 1, 3 * POPULATION)


def possible(algorithm, size):
    return size + size % 2 if isinstance(algorithm, IN_PAIRS) else size


every_size = pytest.mark.parametrize(
    ("algorithm", "size"),
    [pytest.param(each, possible(each, size), id=f"{name}-{size}") for name, each in RESIZABLE.items() for size in SIZES],
)


@every_size
def test_every_population_from_the_next_one_on_has_the_new_size(algorithm, size):
    state, _ = after(algorithm, 3)
    state = algorithm.resized(state, size)
    for generation in range(3, 6):
        population, state = algorithm.ask(state, stream(0, generation, "ask"))
        assert (population.shape, population.dtype) == ((size, DIM), np.float32)
        assert np.isfinite(population).all()
        assert len(np.unique(population, axis=0)) > size // 2
        state = algorithm.tell(state, population, sphere(population))
        rows = algorithm.candidates(state, 4)
        state = algorithm.confirm(state, rows, sphere(rows))


@every_size
def test_to_change_the_size_draws_nothing_and_changes_no_argument(algorithm, size):
    state, _ = after(algorithm, 3)
    before = bits(frozen(state))
    once, again = (algorithm.resized(state, size) for _ in range(2))
    assert bits(once) == bits(again) == bits(algorithm.resized(once, size))
    assert algorithm.ask(once, stream(1))[0].tobytes() == algorithm.ask(again, stream(1))[0].tobytes()
    assert bits(state) == before


@every_resizable_algorithm
def test_the_present_size_changes_nothing(algorithm):
    for generations in (0, 1, 3):
        state, _ = after(algorithm, generations)
        assert bits(algorithm.resized(state, POPULATION)) == bits(state)


@every_size
def test_a_state_whose_size_was_changed_comes_back_from_a_checkpoint(algorithm, size):
    state = algorithm.resized(after(algorithm, 3)[0], size)
    tensors, record = flatten(state)
    initial = first_rows(size)
    back = restore(begun(algorithm, initial), {name: array.copy() for name, array in tensors.items()}, record, "a checkpoint")
    assert bits(back) == bits(state)
    assert algorithm.ask(back, stream(1))[0].tobytes() == algorithm.ask(state, stream(1))[0].tobytes()


@every_resizable_algorithm
@given(FITNESS, st.sampled_from(SIZES))
def test_no_fitness_can_break_a_change_of_size(algorithm, outcomes, size):
    size = possible(algorithm, size)
    state, _ = after(algorithm, 2, measure=lambda _: measured(*zip(*outcomes, strict=True)))
    population, _ = algorithm.ask(algorithm.resized(state, size), stream(0, 2, "ask"))
    assert population.shape == (size, DIM)
    assert np.isfinite(population).all()


# --- the genetic algorithm ---


def test_the_genetic_algorithm_can_change_the_size_of_its_population():
    assert isinstance(TABLE["genetic"], Resizable)


def test_more_or_fewer_children_have_the_same_parents():
    algorithm = Genetic(selection=Truncation(num_parents=3), mutation=Gaussian(strength=1e-30), num_elites=2)
    state, population = after(algorithm, 3)
    best = np.unique(population[best_first(sphere(population))[:3]], axis=0)
    for size in (4, POPULATION, 40):
        children = algorithm.ask(algorithm.resized(state, size), stream(5))[0]
        assert children[:2].tobytes() == state.elites.tobytes()
        assert {row.tobytes() for row in children[2:]} <= {row.tobytes() for row in best}


def test_a_population_that_was_made_smaller_and_larger_again_is_the_one_it_was():
    state, _ = after(TABLE["genetic"], 3)
    there_and_back = TABLE["genetic"].resized(TABLE["genetic"].resized(state, 4), POPULATION)
    assert bits(there_and_back) == bits(state)


@pytest.mark.parametrize(
    ("generations", "size", "message"),
    [(3, 2, "2 elites need a population of more, got 2"), (0, 20, "nothing has been measured yet; begin with 20 rows")],
)
def test_a_size_that_cannot_be_is_refused(generations, size, message):
    state, _ = after(TABLE["genetic"], generations)
    with pytest.raises(UsageError, match=message):
        TABLE["genetic"].resized(state, size)


def test_a_state_that_does_not_fit_itself_is_not_given_another_size():
    state, _ = after(TABLE["genetic"], 3)
    with pytest.raises(ValueError, match="for each of 24 rows"):
        TABLE["genetic"].resized(replace(state, population=np.repeat(state.population, 2, axis=0)), POPULATION)


@given(FITNESS)
def test_whoever_has_no_finite_fitness_never_leads(outcomes):
    fitness, failed = zip(*outcomes, strict=True)
    algorithm = TABLE["genetic"]
    state, population = after(algorithm, 1, measure=lambda _: measured(fitness, failed))
    ranked = genetic.ranking(fitness, failed)
    sound = sum(math.isfinite(score) and not bad for score, bad in outcomes)
    assert best_first(measured(fitness, failed))[:sound].tolist() == ranked[:sound]
    assert state.elites[:sound].tobytes() == population[ranked[:sound]][:2].tobytes()
    assert algorithm.candidates(state, 5)[:sound].tobytes() == population[ranked[:sound]][:5].tobytes()


@given(FITNESS.filter(lambda outcomes: any(math.isfinite(score) and not bad for score, bad in outcomes)))
def test_only_the_sound_breed_as_long_as_there_is_one(outcomes):
    chosen = Truncation(num_parents=POPULATION)(measured(*zip(*outcomes, strict=True)), 50, stream(0))
    assert all(math.isfinite(outcomes[i][0]) and not outcomes[i][1] for i in chosen)


def test_where_all_failed_the_search_goes_on_with_the_rows_there_are():
    chosen = Truncation(num_parents=3)(measured([math.nan] * 6, [True] * 6), 200, stream(0))
    assert set(chosen.tolist()) == {0, 1, 2}


def test_it_is_what_its_plain_twin_computes():
    algorithm = Genetic(selection=Truncation(num_parents=4), mutation=Gaussian(strength=0.3), num_elites=2)
    state, population = after(algorithm, 1)
    for generation in range(1, 6):
        source = stream(0, generation, "ask")
        count = POPULATION - 2
        expected = genetic.next_population(
            population,
            state.evaluation.fitness,
            state.elites,
            {"num_parents": 4, "strength": 0.3},
            source.child("selection").uniform((count,)),
            source.child("mutation").normal((count, DIM)),
        )
        population, state = algorithm.ask(state, stream(0, generation, "ask"))
        assert population.tobytes() == expected.tobytes()
        scores = sphere(population)
        state = algorithm.tell(state, population, scores)
        assert state.elites.tobytes() == population[genetic.ranking(scores.fitness, scores.failed)[:2]].tobytes()


def test_elites_lead_the_next_population_unchanged_and_are_measured_again():
    algorithm = TABLE["genetic"]
    state, population = after(algorithm, 1, measure=lambda _: measured(np.arange(POPULATION)))
    assert state.elites.tobytes() == population[[11, 10]].tobytes()
    following, state = algorithm.ask(state, stream(1))
    assert following[:2].tobytes() == population[[11, 10]].tobytes()
    state = algorithm.tell(state, following, measured([-9, 5, *range(10)]))
    assert state.elites.tobytes() == following[[11, 10]].tobytes()


def test_confirmed_scores_decide_who_is_elite():
    algorithm = TABLE["genetic"]
    state, population = after(algorithm, 1, measure=lambda _: measured(np.arange(POPULATION)))
    rows = algorithm.candidates(state, 4)
    assert rows.tobytes() == population[[11, 10, 9, 8]].tobytes()
    confirmed = algorithm.confirm(state, rows, measured([1.0, math.nan, 3.0, 2.0]))
    assert confirmed.elites.tobytes() == population[[9, 8]].tobytes()
    assert algorithm.ask(confirmed, stream(1))[0][:2].tobytes() == population[[9, 8]].tobytes()
    assert algorithm.candidates(confirmed, 3).tobytes() == population[[9, 8, 11]].tobytes()
    assert bits(algorithm.confirm(state, rows[:1], measured([1.0]))) == bits(state)


def test_one_child_and_no_elite_are_populations_too():
    for count, num_elites in ((4, 3), (1, 0)):
        algorithm = Genetic(num_elites=num_elites)
        state, population = after(algorithm, 3, initial=first_rows(count))
        assert population.shape == (count, DIM)
        assert state.elites.shape == (num_elites, DIM)


def test_elites_without_a_child_are_refused():
    with pytest.raises(UsageError, match=r"^population: 3 elites need a population of more, got 3"):
        begun(Genetic(num_elites=3), first_rows(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Genetic(num_elites=-1), "^num_elites: .* got -1"),
        (lambda: Truncation(num_parents=0), "^num_parents: .* got 0"),
        (lambda: Gaussian(strength=0.0), "^strength: .* got 0.0"),
        (lambda: Gaussian(strength=-1.0), "^strength: .* got -1.0"),
        (lambda: Gaussian(strength=math.nan), "^strength: .* got nan"),
        (lambda: Gaussian(strength=math.inf), "^strength: .* got inf"),
    ],
)
def test_settings_that_make_no_search_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_strengths_go_with_their_rows():
    algorithm = VARIANTS["genetic, tournaments, whole neurons, own strengths"]
    state, population = after(algorithm, 4)
    best = best_first(state.evaluation)[0]
    assert state.elites[0].tobytes() == population[best].tobytes()
    assert state.elite_scales[0] == state.scales[best] != 1
    rows = algorithm.candidates(state, 4)
    confirmed = algorithm.confirm(state, rows, measured([1.0, 2.0, 9.0, 3.0]))
    place = next(index for index, row in enumerate(population) if row.tobytes() == rows[2].tobytes())
    assert confirmed.elite_scales[0] == state.scales[place]
    _, asked = algorithm.ask(confirmed, stream(1, "ask"))
    assert asked.scales[0] == confirmed.elite_scales[0]


@pytest.mark.compiled
def test_children_have_two_parents_as_often_as_the_rate_says():
    initial = np.arange(12, dtype=np.float32)[:, None] * np.ones((12, 40), np.float32)
    algorithm = Genetic(
        selection=Tournament(size=1), crossover=NeuronCrossover(), crossover_rate=0.25, mutation=Gaussian(strength=1e-6)
    )
    mixed = [_share_of_mixed(algorithm, initial, number) for number in range(200)]
    assert abs(np.mean(mixed) - 0.25 * 11 / 12) < 0.03
    assert all(_share_of_mixed(replace(algorithm, crossover=None), initial, number) == 0 for number in range(5))


def _share_of_mixed(algorithm, initial, number):
    state = algorithm.tell(begun(algorithm, initial), initial, measured(np.arange(12)))
    children = algorithm.ask(state, stream(number))[0][1:]
    return np.mean([len(np.unique(np.round(row))) > 1 for row in children])


def test_clones_among_the_population_are_candidates_once_and_confirmed():
    mutation = Gaussian(strength=0.5, rate=0.15)
    algorithm = Genetic(selection=Truncation(num_parents=4), mutation=mutation, strength=SelfAdaptive(), num_elites=2)
    state, population = after(algorithm, 3)
    rows = algorithm.candidates(state, 10)
    assert 4 <= len(rows) < 10
    order = np.arange(len(rows))
    confirmed = algorithm.confirm(state, rows, measured(order))
    assert confirmed.elites.tobytes() == rows[::-1][:2].tobytes()
    places = [next(i for i, row in enumerate(population) if row.tobytes() == elite.tobytes()) for elite in confirmed.elites]
    assert confirmed.elite_scales.tolist() == state.scales[places].tolist()


def test_groups_of_other_rows_are_refused():
    with pytest.raises(UsageError, match=r"^groups: expected one for each of 3 parameters, got shape \(4,\)"):
        begun(Genetic(groups=np.zeros(4, np.int64)))


def test_however_strong_a_mutation_rows_stay_finite():
    algorithm = Genetic(
        selection=Rank(),
        crossover=BlendCrossover(alpha=10),
        mutation=InTurn((Multiplicative(strength=1e6), Multiplicative(strength=1e6), Cauchy(strength=1e6))),
        strength=SelfAdaptive(learning_rate=2),
    )
    state, _ = after(algorithm, 200, measure=lambda rows: measured(np.abs(rows).sum(axis=1)))
    assert np.isfinite(state.population).all()
    assert np.abs(state.population).max() == np.float32(1e30)


# --- its parts ---


def test_truncation_draws_evenly_from_the_best_and_from_nobody_else():
    fitness = [3.0, 9.0, 1.0, 8.0, 2.0, 7.0, 0.0]
    chosen = Truncation(num_parents=3)(measured(fitness), 6000, stream(5))
    assert chosen.dtype == np.int64
    counts = np.bincount(chosen, minlength=7)
    assert counts[[0, 2, 4, 6]].sum() == 0
    assert ((counts[[1, 3, 5]] - 2000) ** 2 / 2000).sum() < 13.8  # chi-squared, 2 degrees of freedom: once in 1000 times


def test_more_parents_than_individuals_are_all_of_them():
    assert set(Truncation(num_parents=50)(measured([1.0, 2.0, 3.0]), 200, stream(0)).tolist()) == {0, 1, 2}


def test_gaussian_noise_has_its_strength_everywhere():
    parents = np.tile(np.array([0, -5, 100], np.float32), (3000, 1))
    children = Gaussian(strength=0.25)(parents, stream(6))
    assert (children.dtype, children.shape) == (np.float32, parents.shape)
    assert not np.shares_memory(children, parents)
    noise = (children - parents).astype(np.float64)
    assert np.abs(noise.std(axis=0) / 0.25 - 1).max() < 4 / math.sqrt(2 * len(parents))
    assert np.abs(noise.mean(axis=0)).max() < 4 * 0.25 / math.sqrt(len(parents))
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 4 / math.sqrt(len(parents))


def test_an_elite_with_an_unlucky_score_stays_a_candidate():
    algorithm = Genetic(selection=Truncation(num_parents=4), mutation=Gaussian(strength=0.1), num_elites=1)
    state = algorithm.init(np.arange(24, dtype=np.float32).reshape(8, 3), stream(0, "init"))
    population = np.empty((0, 3), np.float32)
    for number, best in enumerate((5, 3)):
        population, state = algorithm.ask(state, stream(0, number, "ask"))
        returns = np.zeros((8, 1))
        returns[best] = 1.0
        returns[0] = -1.0
        state = algorithm.tell(state, population, mean_return(returns, np.ones((8, 1), np.int64), np.zeros(8, np.bool_)))
    np.testing.assert_array_equal(algorithm.candidates(state, 2), population[[3, 0]])
    np.testing.assert_array_equal(population[0], np.arange(15, 18, dtype=np.float32))
