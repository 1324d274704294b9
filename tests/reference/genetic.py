"""The genetic algorithm of truncation selection, mutation and elites, a row at a time."""

import math

import numpy as np


def ranking(fitness, failed):
    """Return indices, best first; equals keep their order, whoever failed or has no finite fitness comes last."""
    sound = [i for i in range(len(fitness)) if not failed[i] and math.isfinite(fitness[i])]
    return sorted(sound, key=lambda i: -fitness[i]) + [i for i in range(len(fitness)) if i not in sound]


def next_population(population, fitness, elites, settings, uniform, noise):
    """Return the elites and the children of the best, for `uniform (children,)` and `noise (children, dim)` drawn before."""
    parents = ranking(fitness, [False] * len(fitness))[: settings["num_parents"]]
    rows = list(elites)
    for u, change in zip(uniform, noise, strict=True):
        parent = population[parents[int(u * len(parents))]]
        rows.append(np.array([x + np.float32(settings["strength"]) * z for x, z in zip(parent, change, strict=True)]))
    return np.array(rows, np.float32)
