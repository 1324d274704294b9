# pyright: reportMissingImports=false
"""EvoTorch: VecGymNE over Gymnasium's vectorised CartPole, its genetic algorithm, the population divided among its Ray actors.

VecGymNE plays the episodes of an individual one after the other, so a row stands in the batch once for each of its episodes:
all of them are then side by side. GymNE, an episode at a time, was slower.
"""

from __future__ import annotations

import argparse
import time
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import torch
from _genetic import first_rows
from _job import (
    EPISODE_CAP,
    HELD_OUT,
    POPULATION_SIZE,
    SEARCH_EPISODES,
    Array,
    Measured,
    Peer,
    Searched,
    has_solved,
    layers_of,
    serve,
)
from evotorch import Problem
from evotorch.algorithms import GeneticAlgorithm
from evotorch.decorators import vectorized
from evotorch.neuroevolution import VecGymNE
from evotorch.operators import GaussianMutation, OnePointCrossOver
from evotorch.tools import set_default_logger_config

NETWORK = "Linear(obs_length, 16) >> Tanh() >> Linear(16, act_length)"


def world(num_envs: int) -> Any:
    """Return Gymnasium's vectorised CartPole."""
    return gymnasium.make_vec(
        "CartPole-v1", num_envs=num_envs, vectorization_mode="vector_entry_point", max_episode_steps=EPISODE_CAP
    )


@cache
def problem(size: int, actors: int) -> Any:
    """Return a problem for batches of one size, made once: a smaller batch would step as many worlds."""
    return VecGymNE(world, NETWORK, num_actors=actors if size >= POPULATION_SIZE else 0)


def as_parameters(rows: Array) -> torch.Tensor:
    """Return rows in PyTorch's order: weights `(outputs, inputs)`."""
    layers, count = layers_of(rows), len(rows)
    parts = [layers.first.swapaxes(1, 2), layers.first_bias, layers.second.swapaxes(1, 2), layers.second_bias]
    return torch.from_numpy(np.concatenate([part.reshape(count, -1) for part in parts], axis=1))


def measure(parameters: torch.Tensor, episodes: int, actors: int) -> Measured:
    """Return what parameters `(pop, dim)` achieve; as many steps are computed as the longest episode of a part has."""
    copies = parameters.repeat_interleave(episodes, dim=0)
    asked = problem(len(copies), actors)
    batch = asked.generate_batch(len(copies))
    batch.set_values(copies)
    asked.evaluate(batch)
    returns = batch.evals[:, 0].numpy().astype(np.float64)
    computed = sum(len(part) * int(part.max()) for part in np.array_split(returns, actors or 1))
    return Measured(returns.reshape(-1, episodes).mean(axis=1), int(returns.sum()), computed)


def rollout(actors: int, rows: Array, episodes: int) -> Measured:
    """Return what rows achieve."""
    return measure(as_parameters(rows), episodes, actors)


def search(actors: int, seed: int, limit: float) -> Searched:
    """Search with EvoTorch's genetic algorithm, whose parents are measured anew with their children."""
    ends, done, held_out, generations = time.perf_counter() + limit, list[Measured](), 0.0, 0
    rows = as_parameters(first_rows(np.random.default_rng(seed)))

    @vectorized
    def fitness(parameters: torch.Tensor) -> torch.Tensor:
        done.append(measure(parameters.as_subclass(torch.Tensor), SEARCH_EPISODES, actors))
        return torch.as_tensor(done[-1].means, dtype=torch.float32)

    asked = Problem("max", fitness, solution_length=rows.shape[1], initial_bounds=(-1, 1), seed=seed)
    operators = [OnePointCrossOver(asked, tournament_size=4), GaussianMutation(asked, stdev=0.5)]
    algorithm = GeneticAlgorithm(asked, operators=operators, popsize=POPULATION_SIZE, re_evaluate=True)
    algorithm.population.set_values(rows)
    while True:
        algorithm.step()
        generations += 1
        best = algorithm.population[int(algorithm.population.argbest())]
        if has_solved(float(best.evals[0])):
            done.append(measure(best.values.as_subclass(torch.Tensor)[None], HELD_OUT, actors))
            held_out = float(done[-1].means[0])
        if has_solved(held_out) or time.perf_counter() > ends:
            return Searched(held_out, generations, sum(each.useful for each in done), sum(each.computed for each in done))


def make(actors: int) -> Peer:
    """Return the peer."""
    torch.set_num_threads(1)
    set_default_logger_config(logger_level=30)
    return Peer(
        version=f"EvoTorch {version('evotorch')}, PyTorch {torch.__version__}, Ray {version('ray')}",
        threads=max(actors, 1),
        rollout=partial(rollout, actors),
        search=partial(search, actors),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("populations")
    parser.add_argument("--actors", type=int, default=0)
    options = parser.parse_args()
    serve("evotorch", partial(make, options.actors))
