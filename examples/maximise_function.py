"""Maximise a function of a row of numbers: spread eight points in a square, so that the nearest two are far apart.

The distance of the nearest two points is a hard function to climb: two points alone decide it, another two at the next
step, so for most coordinates the slope is zero. No network and no world is involved. The best spread is known, a distance
of (sqrt(6) - sqrt(2)) / 2.

    $ python examples/maximise_function.py
    seed 0: nearest two 0.5118 apart, 98.9% of the best known
    seed 1: nearest two 0.5118 apart, 98.9% of the best known
    seed 2: nearest two 0.5030 apart, 97.2% of the best known
    seed 3: nearest two 0.5040 apart, 97.4% of the best known
    seed 4: nearest two 0.5071 apart, 98.0% of the best known
"""

import math
import sys

import numpy as np

import evolvent as ev

POINTS = 8
BEST_KNOWN = (math.sqrt(6) - math.sqrt(2)) / 2
PAIRS = np.triu_indices(POINTS, k=1)
SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def points(row):
    """Return the points that a row stands for, all of them in the unit square."""
    return np.clip(row.reshape(POINTS, 2), 0, 1)


def nearest(row):
    """Return the distance of the nearest two points: larger is better."""
    there = points(row)
    return np.linalg.norm(there[PAIRS[0]] - there[PAIRS[1]], axis=1).min()


problem = ev.Function(nearest, dim=2 * POINTS, start=0.5, spread=0.3, name="points")
settings = {
    "selection": "truncation:num_parents=16",
    "mutation": "gaussian:strength=0.1,rate=0.3",
    "strength": "decaying:generations=400,final=0.01",
}
for seed in range(SEEDS):
    run = ev.evolve(problem, seed=seed, generations=400, genetic=settings, runs_dir=None)
    print(f"seed {seed}: nearest two {run.score.mean:.4f} apart, {run.score.mean / BEST_KNOWN:.1%} of the best known")
