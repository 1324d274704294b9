# pyright: reportMissingImports=false
"""neat-python: its networks in plain Python, its evaluator in two processes, an episode at a time in Gymnasium's CartPole."""

from __future__ import annotations

import importlib.metadata
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import gymnasium
import neat
import numpy as np
from _job import HELD_OUT, SEARCH_EPISODES, SIZES, Array, Layers, Measured, Peer, Searched, has_solved, layers_of, serve
from neat.activations import identity_activation, tanh_activation
from neat.aggregations import sum_aggregation

PROCESSES = 2
STEEPNESS = 2.5  # of neat-python's tanh


@dataclass
class Player:
    """A network that is measured over so many episodes; `fitness` is set by the evaluator, as a genome's is."""

    network: Any
    episodes: int
    fitness: float | None = None


@cache
def world() -> Any:
    """Return the process's own environment."""
    return gymnasium.make("CartPole-v1", disable_env_checker=True)


def evaluate(individual: Any, config: Any) -> float:
    """Return the mean return of a genome or of a player, as neat-python asks for it."""
    if not isinstance(individual, Player):
        individual = Player(neat.nn.FeedForwardNetwork.create(individual, config), SEARCH_EPISODES)
    env, activate, steps = world(), individual.network.activate, 0
    for _ in range(individual.episodes):
        observation, over = env.reset()[0], False
        while not over:
            first, second = activate(observation.tolist())
            observation, _, terminated, truncated, _ = env.step(int(second > first))
            steps, over = steps + 1, terminated or truncated
    return steps / individual.episodes


def network_of(layers: Layers) -> Any:
    """Return neat-python's network with the weights of one row."""
    inputs, hidden, outputs = SIZES
    sources = [-1 - i for i in range(inputs)]
    neurons = [outputs + i for i in range(hidden)]
    node_evals: list[Any] = []
    for k, neuron in enumerate(neurons):
        links = list(zip(sources, layers.first[:, k].tolist(), strict=True))
        bias, response = float(layers.first_bias[0, k]) / STEEPNESS, 1 / STEEPNESS
        node_evals.append((neuron, tanh_activation, sum_aggregation, bias, response, links))
    for k in range(outputs):
        links = list(zip(neurons, layers.second[:, k].tolist(), strict=True))
        node_evals.append((k, identity_activation, sum_aggregation, float(layers.second_bias[0, k]), 1.0, links))
    return neat.nn.FeedForwardNetwork(sources, list(range(outputs)), node_evals)


def measure(evaluator: Any, players: list[Player]) -> Measured:
    """Return what players achieve, in both processes."""
    evaluator.evaluate(list(enumerate(players)), None)
    means = np.array([each.fitness for each in players])
    steps = round(float(means @ [each.episodes for each in players]))
    return Measured(means, steps, steps)


def rollout(evaluator: Any, rows: Array, episodes: int) -> Measured:
    """Return what rows achieve."""
    individuals = [Layers(*each) for each in zip(*layers_of(rows), strict=True)]
    return measure(evaluator, [Player(network_of(each), episodes) for each in individuals])


def search(evaluator: Any, config: Any, seed: int, limit: float) -> Searched:
    """Search with NEAT."""
    ends, held_out, useful, generations = time.perf_counter() + limit, 0.0, 0, 0
    population = neat.Population(config, seed=seed)

    def fitness(genomes: list[Any], config: Any) -> None:
        nonlocal held_out, useful, generations
        evaluator.evaluate(genomes, config)
        useful += round(sum(genome.fitness for _, genome in genomes) * SEARCH_EPISODES)
        generations += 1
        best = max((genome for _, genome in genomes), key=lambda genome: genome.fitness)
        if has_solved(best.fitness):
            network = neat.nn.FeedForwardNetwork.create(best, config)
            tried = measure(evaluator, [Player(network, HELD_OUT // PROCESSES) for _ in range(PROCESSES)])
            held_out, useful = float(tried.means.mean()), useful + tried.useful
        if has_solved(held_out) or time.perf_counter() > ends:
            raise StopIteration

    try:
        population.run(fitness, 1_000_000)
    except StopIteration:
        return Searched(held_out, generations, useful, useful)
    raise RuntimeError("the search ended by itself")


def make(evaluator: Any) -> Peer:
    """Return the peer, with the settings of its file."""
    parts = (neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation)
    config = neat.Config(*parts, str(Path(__file__).with_suffix(".ini")))
    return Peer(
        version=f"neat-python {importlib.metadata.version('neat-python')}",
        threads=PROCESSES,
        parts=8,
        rollout=partial(rollout, evaluator),
        search=partial(search, evaluator, config),
    )


if __name__ == "__main__":
    with neat.ParallelEvaluator(PROCESSES, evaluate) as pool:
        serve("neat", partial(make, pool))
