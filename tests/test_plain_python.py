import os
import subprocess
import sys

import pytest

GENERATIONS = """
import numpy as np
from evolvent.algorithms import Gaussian, Genetic, Truncation
from evolvent.envs import CARTPOLE
from evolvent.evaluation import Conditions
from evolvent.jit import COMPILES
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.tasks import CompiledEnv

print(COMPILES)
network = MLP(sizes=(4, 5, 2), activation="{activation}")
task = CompiledEnv(CARTPOLE, network, threads=2)
algorithm = Genetic(selection=Truncation(num_parents=3), mutation=Gaussian(strength=0.5))
state = algorithm.init(network.initialise(8, stream(1, "first")), stream(1, "init"))
for generation in range(3):
    population, state = algorithm.ask(state, stream(1, generation, "ask"))
    seeds = stream(1, generation, "episodes").bits((8, 2))
    evaluation = task.evaluate(population, Conditions(seeds=seeds, episode_cap=80))
    state = algorithm.tell(state, population, evaluation)
    print(population.tobytes().hex(), evaluation.returns.tolist(), evaluation.steps.tolist())
"""


@pytest.mark.compiled
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_search_has_the_same_bits_compiled_and_in_plain_python(activation):
    outputs = []
    for disabled in "01":
        command = [sys.executable, "-c", GENERATIONS.format(activation=activation)]
        env = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        outputs.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split("\n", 1))
    (compiles, compiled), (plain_compiles, plain) = outputs
    assert (compiles, plain_compiles) == ("True", "False")
    assert compiled.count("\n") == 3
    assert compiled == plain
