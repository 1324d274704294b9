# pyright: reportMissingImports=false
"""The article's loop: an environment for every evaluation of an individual, a NumPy forward pass for every step."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
from _genetic import search
from _job import EPISODE_CAP, Array, Layers, Measured, Peer, layers_of, serve


def act(layers: Layers, state: Array) -> Any:
    """Return the action of one individual in one state, by a softmax as the article does it."""
    values = np.tanh(state @ layers.first + layers.first_bias[0])
    values = values @ layers.second + layers.second_bias[0]
    powers = np.exp(values - np.max(values))
    return np.argmax(np.array(powers / powers.sum()))


def evaluate(layers: Layers, episodes: int) -> int:
    """Return the steps of all episodes of one individual, in one environment made for them."""
    env = gymnasium.make("CartPole-v1", max_episode_steps=EPISODE_CAP)
    steps = 0
    for _ in range(episodes):
        state, _ = env.reset()
        over = False
        while not over:
            state, _, terminated, truncated, _ = env.step(act(layers, np.array(state)))
            steps += 1
            over = terminated or truncated
    env.close()
    return steps


def rollout(rows: Array, episodes: int) -> Measured:
    """Return what rows achieve, one after the other."""
    individuals = [Layers(*each) for each in zip(*layers_of(rows), strict=True)]
    steps = np.array([evaluate(each, episodes) for each in individuals])
    return Measured(steps / episodes, int(steps.sum()), int(steps.sum()))


if __name__ == "__main__":
    version = f"Gymnasium {gymnasium.__version__}"
    serve("article", lambda: Peer(version=version, threads=1, parts=8, rollout=rollout, search=partial(search, rollout)))
