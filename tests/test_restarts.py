"""Restarts: when a search is over, what the next one begins with, and what is kept."""

import math
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolvent as ev
from evolvent.algorithms import CMAES, CoSyNE, Gaussian, Genetic, Growing, OpenAIES, Resizable, Restarts
from evolvent.errors import FileRefused, UsageError
from evolvent.evaluation import Evaluation
from evolvent.seeding import stream
from evolvent.training.config import Config
from evolvent.training.parts import prepare
from evolvent.training.plain_state import flatten, restore
from evolvent.training.search import advance, begin
from evolvent.training.soundness import refuse_unsound

POPULATION, DIM = 8, 3


def measured(fitness, failed=None):
    fitness = np.array(fitness, np.float64)
    failed = ~np.isfinite(fitness) if failed is None else np.array(failed)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=np.ones((len(fitness), 1), np.int64), failed=failed)


def sphere(population):
    return measured(-(population.astype(np.float64) ** 2).sum(axis=1))


def rastrigin(population):
    x = population.astype(np.float64)
    return measured(-(10 * x.shape[1] + (x**2 - 10 * np.cos(2 * math.pi * x)).sum(axis=1)))


def first_rows(seed=0, count=POPULATION, dim=DIM):
    return (10 * stream(seed, "first").uniform((count, dim)) - 5).astype(np.float32)


def after(algorithm, generations, measure=sphere, seed=0, initial=None):
    """Return the state after so many generations, and the sizes of the populations."""
    state, sizes = algorithm.init(first_rows(seed) if initial is None else initial, stream(seed, "init")), []
    for generation in range(generations):
        assert algorithm.population_size(state, POPULATION) == len(algorithm.ask(state, stream(seed, generation))[0])
        population, state = algorithm.ask(state, stream(seed, generation))
        state = algorithm.tell(state, population, measure(population))
        sizes.append(len(population))
    return state, sizes


def bits(value):
    tensors, record = flatten(value)
    return record, {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}


# --- when ---


def test_until_its_first_restart_a_search_is_the_one_within():
    inner = CMAES()
    state, plain = Restarts(algorithm=inner).init(first_rows(), stream(0)), inner.init(first_rows(), stream(0))
    for generation in range(15):
        population, state = Restarts(algorithm=inner).ask(state, stream(1, generation))
        expected, plain = inner.ask(plain, stream(1, generation))
        assert population.tobytes() == expected.tobytes()
        state = Restarts(algorithm=inner).tell(state, population, sphere(population))
        plain = inner.tell(plain, expected, sphere(expected))
        assert bits(state.inner) == bits(plain)


def test_a_search_that_no_longer_improves_is_over_after_its_patience():
    def alike(population):
        return measured(np.zeros(len(population)))

    assert after(Restarts(patience=4), 12, measure=alike)[1] == [8] * 5 + [16] * 5 + [32] * 2
    assert after(Restarts(patience=4, growth=1.5), 11, measure=alike)[1] == [8] * 5 + [12] * 5 + [18]
    assert after(Restarts(patience=2, largest=2), 9, measure=alike)[1] == [8] * 3 + [16] * 6
    by_itself = 10 + math.ceil(30 * DIM / POPULATION)
    assert after(Restarts(), by_itself + 2, measure=alike)[1] == [8] * (by_itself + 1) + [16]


def test_as_long_as_it_improves_it_goes_on():
    grows = iter(range(10**6))
    state, sizes = after(Restarts(patience=2), 30, measure=lambda rows: measured([float(next(grows)) for _ in rows]))
    assert set(sizes) == {8}
    assert (state.start, state.generations, state.recorded) == (0, 30, 30)


def test_what_is_better_by_no_more_than_rounding_is_no_improvement():
    values = iter(1 + 1e-15 * number for number in range(1000))
    assert after(Restarts(patience=3), 5, measure=lambda rows: measured([next(values)] * len(rows)))[1][-1] == 16


def test_rows_that_have_come_together_end_a_search():
    state, _ = after(Restarts(algorithm=CMAES(sigma=1.0), patience=10**6), 150, initial=first_rows(dim=1))
    assert state.start >= 1


def test_an_even_population_stays_even():
    algorithm = Restarts(algorithm=OpenAIES(), growth=1.5)
    state = algorithm.init(first_rows(count=10), stream(0))
    assert [algorithm.population_size(replace(state, start=start), 10) for start in range(5)] == [10, 16, 22, 34, 50]
    assert algorithm.population_size(replace(state, start=10**9), 10) == 640


# --- with what ---


@pytest.mark.parametrize("inner", [Genetic(mutation=Gaussian(strength=0.1)), CoSyNE()])
def test_a_new_search_begins_with_the_same_values_of_each_parameter_in_other_company(inner):
    algorithm = Restarts(algorithm=inner)
    state, _ = after(algorithm, 3)
    rows, begun = algorithm.ask(replace(state, is_over=True), stream(7))
    assert rows.shape == (2 * POPULATION, DIM)
    assert (np.sort(rows, axis=0) == np.sort(np.tile(first_rows(), (2, 1)), axis=0)).all()
    assert not {row.tobytes() for row in rows} >= {row.tobytes() for row in first_rows()}
    assert (begun.start, begun.generations, begun.is_over) == (1, 0, False)
    other, _ = algorithm.ask(replace(state, is_over=True), stream(8))
    assert other.tobytes() != rows.tobytes()


# --- what is kept ---


def test_the_best_row_of_an_earlier_search_is_a_candidate_until_the_present_one_has_come_further():
    algorithm = Restarts(patience=2)
    state, _ = after(algorithm, 30)
    population, state = algorithm.ask(replace(state, is_over=True), stream(7))
    assert state.best is not None
    best = state.best.tobytes()
    state = algorithm.tell(state, population, sphere(population + 100))
    own = CMAES().candidates(state.inner, 4)
    assert len(own) == 2
    rows = algorithm.candidates(state, 4)
    assert rows[:2].tobytes() == own.tobytes()
    assert rows[2:].tobytes() == best
    assert algorithm.candidates(state, 2).tobytes() == own.tobytes(), "the present search comes first"
    better = algorithm.tell(algorithm.ask(state, stream(8))[1], population, measured(np.arange(len(population))))
    assert algorithm.candidates(better, 4).tobytes() == CMAES().candidates(better.inner, 4).tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming(Genetic):
    """Refuses to be told of rows that are not its own candidates."""

    def confirm(self, state, candidates, evaluation) -> Any:
        assert candidates.tobytes() == Genetic.candidates(self, state, len(candidates)).tobytes()
        assert len(evaluation.fitness) == len(evaluation.returns) == len(evaluation.failed) == len(candidates)
        return Genetic.confirm(self, state, candidates, evaluation)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_search_is_told_of_its_own_candidates_alone(count):
    algorithm = Restarts(algorithm=Confirming(mutation=Gaussian(strength=0.1)), patience=3)
    state = algorithm.init(first_rows(), stream(0))
    for generation in range(25):
        population, state = algorithm.ask(state, stream(generation))
        state = algorithm.tell(state, population, measured(-np.arange(len(population)) - state.start))
        rows = algorithm.candidates(state, count)
        state = algorithm.confirm(state, rows, sphere(rows))
    assert state.start >= 4


def test_a_state_comes_back_from_a_checkpoint_in_whatever_search_it_is():
    algorithm = Restarts(patience=3)
    for generations in (2, 4, 6, 11):
        state, _ = after(algorithm, generations, measure=lambda rows: measured(np.zeros(len(rows))))
        tensors, record = flatten(state)
        back = restore(algorithm.init(first_rows(), stream(0)), dict(tensors), record, "a checkpoint")
        assert bits(back) == bits(state)
        assert algorithm.ask(back, stream(1))[0].tobytes() == algorithm.ask(state, stream(1))[0].tobytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats() | st.sampled_from([math.nan, 1e300, 0.0]), min_size=1, max_size=7))
def test_no_fitness_can_break_it(values):
    algorithm = Restarts(patience=2)
    state, sizes = after(algorithm, 8, measure=lambda rows: measured(np.resize(values, len(rows))))
    rows = algorithm.candidates(state, 3)
    assert np.isfinite(rows).all()
    algorithm.confirm(state, rows, measured([math.nan] * len(rows)))
    assert max(sizes) > POPULATION


def steps():
    return ev.Function(lambda row: float(row[0] > 0), 3, name="steps")


def test_a_run_whose_population_grows_goes_on_from_any_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("evolvent.training.parts.make_algorithm", lambda *_told: Restarts(patience=1))

    def begun(generations, **told) -> Any:
        return ev.evolve(steps(), population=6, generations=generations, target=None, name="a", **told)

    sizes = []
    whole = begun(9, runs_dir=None, callbacks=[lambda record: sizes.append(record.training_steps)])
    assert np.diff(sizes).max() > 6
    for generations in (2, 3, 5):
        folder = tmp_path / str(generations)
        begun(generations, runs_dir=folder)
        assert (
            ev.resume(ev.open_run("a", folder), env=steps(), changes={"generations": 9}).progress.digest
            == whole.progress.digest
        )


@pytest.mark.parametrize("damage", [{"start": 10**400}, {"initial": first_rows(count=5)}])
def test_a_checkpoint_of_another_size_than_its_run_can_have_is_refused(monkeypatch, damage):
    monkeypatch.setattr("evolvent.training.parts.make_algorithm", lambda *_told: Restarts())
    with closing(prepare(steps(), Config(population=8, world="python", target=None))) as search:
        beginning = begin(search)
        for progress in (beginning, advance(search, beginning)[0]):
            over = replace(progress, algorithm=replace(progress.algorithm, is_over=True))
            for honest in (progress, over):
                refuse_unsound(search, beginning, honest, "a checkpoint")
            changed = replace(over, algorithm=replace(over.algorithm, **damage))
            with pytest.raises(FileRefused, match="a checkpoint: algorithm: "):
                refuse_unsound(search, beginning, changed, "a checkpoint")


# --- what it is for ---


def solved(algorithm, seed, evaluations=12_000):
    state, spent, generation = algorithm.init(first_rows(seed), stream(seed, "init")), 0, 0
    while spent < evaluations:
        population, state = algorithm.ask(state, stream(seed, generation))
        outcome = rastrigin(population)
        if outcome.fitness.max() > -1e-6:
            return True
        state, spent, generation = algorithm.tell(state, population, outcome), spent + len(population), generation + 1
    return False


def test_rastrigin_is_solved_with_restarts_and_seldom_without():
    inner = CMAES(sigma=2.0)
    assert sum(solved(Restarts(algorithm=inner, patience=15), seed) for seed in range(3)) == 3
    assert sum(solved(inner, seed, 1600) for seed in range(3)) <= 1


def test_its_size_is_its_own():
    assert isinstance(Restarts(), Growing)
    assert not isinstance(Restarts(), Resizable)
    assert not isinstance(CMAES(), Growing)


@pytest.mark.parametrize("told", [{"growth": 0.5}, {"largest": 0}, {"patience": -1}, {"growth": math.nan}])
def test_settings_out_of_range_are_refused(told):
    with pytest.raises(UsageError, match=f"^{next(iter(told))}: "):
        Restarts(**told)
