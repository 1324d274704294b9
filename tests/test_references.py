"""CMA-ES and sep-CMA-ES need about as many evaluations as their author's and another's do, measured by a script."""

import json
import math
import statistics
from functools import cache

import numpy as np
import pytest

from benchmarks.peers import references
from evolvent.algorithms import CMAES, SepCMAES
from evolvent.evaluation import mean_return
from evolvent.seeding import stream

STORED = json.loads(references.STORED.read_text(encoding="utf-8"))
WHOLE, DIAGONAL = CMAES(sigma=references.SIGMA), SepCMAES(sigma=references.SIGMA)
OURS = {"cma": WHOLE, "cmaes": WHOLE, "cmaes_separable": DIAGONAL}
CASES = [(peer, name, dim) for peer in references.PEERS for name, dim in references.cases(peer)]


@cache
def median_of_ours(algorithm, name, dim):
    return statistics.median(evaluations(algorithm, name, dim, seed) for seed in range(5))


def evaluations(algorithm, name, dim, seed):
    function, begin = references.FUNCTIONS[name]
    count = references.population_size(dim)
    state = algorithm.init(np.full((count, dim), begin, np.float32), stream(seed, "init"))
    for generation in range(20_000 // count):
        population, state = algorithm.ask(state, stream(seed, generation))
        values = function(population.astype(np.float64))
        if values.min() < references.TARGET:
            return count * (generation + 1)
        evaluation = mean_return(-values[:, None], np.ones((count, 1), np.int64), np.zeros(count, np.bool_))
        state = algorithm.tell(state, population, evaluation)
    return math.inf


@pytest.mark.parametrize(("peer", "name", "dim"), CASES)
def test_the_target_is_reached_in_as_many_evaluations_as_by_others(peer, name, dim):
    theirs = STORED["medians"][peer][f"{name} {dim}"]
    assert median_of_ours(OURS[peer], name, dim) == pytest.approx(theirs, rel=0.25)


def test_what_is_stored_is_what_the_script_would_measure():
    assert STORED["target"] == references.TARGET
    assert STORED["sigma"] == references.SIGMA
    assert STORED["begin"] == {name: begin for name, (_, begin) in references.FUNCTIONS.items()}
    for peer in references.PEERS:
        stored = STORED["evaluations"][peer]
        assert stored.keys() == {f"{name} {dim}" for name, dim in references.cases(peer)}
        assert {len(each) for each in stored.values()} == {len(references.SEEDS)}
        assert STORED["medians"][peer] == {case: statistics.median(each) for case, each in stored.items()}
    pins = (references.STORED.parents[1] / "peers/requirements/references.txt").read_text(encoding="utf-8").split()
    assert pins == [f"{name}=={version}" for name, version in STORED["versions"].items()]


@pytest.mark.interop
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("peer", references.PEERS)
@pytest.mark.parametrize("name", references.SEPARABLE)
def test_the_packages_themselves_need_about_as_many(peer, name):
    pytest.importorskip("cma" if peer == "cma" else "cmaes", reason="it is not there; `make interop` installs it")
    theirs = statistics.median(references.PEERS[peer](name, 5, seed) for seed in range(1, 10))
    assert median_of_ours(OURS[peer], name, 5) == pytest.approx(theirs, rel=0.25)
