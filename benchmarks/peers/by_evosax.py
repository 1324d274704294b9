# pyright: reportMissingImports=false
# ruff: noqa: E402 - a flag has to be known before JAX is imported
"""evosax and gymnax: one compiled program from asking to telling, a loop that ends with the last episode, no transfer.

`vmap` writes the network as it is usually written, a policy of one observation that is mapped twice. `lanes` has the episodes
in the last axis and the network's sums written out, which XLA fuses into one loop of vector instructions on a processor.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("populations")
parser.add_argument("--form", default="vmap", choices=("vmap", "lanes"))
parser.add_argument("--devices", type=int, default=1)
options = parser.parse_args()
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={options.devices}"  # read when JAX is imported

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _genetic import first_rows
from _job import HELD_OUT, SEARCH_EPISODES, SIZES, Array, Measured, Peer, Searched, has_solved, layers_of, serve
from evosax.algorithms import SimpleGA
from jax.sharding import Mesh, PartitionSpec

ENV, PARAMS = gymnax.make("CartPole-v1")
DIVIDED = PartitionSpec("device")


def policy_by_vmap(rows: Any) -> Callable[[Any], Any]:
    """Return what turns observations `(inputs, episodes, pop)` into actions `(episodes, pop)`."""
    layers = jax.tree.map(jnp.asarray, tuple(layers_of(rows)))

    def action(first: Any, first_bias: Any, second: Any, second_bias: Any, observation: Any) -> Any:
        hidden = jnp.tanh(observation @ first + first_bias[0])
        return jnp.argmax(hidden @ second + second_bias[0])

    of_individual = jax.vmap(action, (None, None, None, None, 1))
    return lambda observations: jax.vmap(of_individual, (0, 0, 0, 0, 2), 1)(*layers, observations)


def policy_in_lanes(rows: Any) -> Callable[[Any], Any]:
    """Return the same, by sums over whole arrays."""
    first, first_bias, second, second_bias = (jnp.moveaxis(part, 0, -1) for part in layers_of(rows))

    def actions(observations: Any) -> Any:
        lead = second_bias[0, 1] - second_bias[0, 0]  # of the second action over the first
        for j in range(SIZES[1]):
            hidden = jnp.tanh(sum(observations[i] * first[i, j] for i in range(SIZES[0])) + first_bias[0, j])
            lead = lead + hidden * (second[j, 1] - second[j, 0])
        return (lead > 0).astype(jnp.int32)

    return actions


def play(key: Any, rows: Any, episodes: int) -> tuple[Any, Any]:
    """Return the steps `(episodes, pop)` of each episode, and how many were computed for each `(1,)`."""
    policy = policy_in_lanes(rows) if options.form == "lanes" else policy_by_vmap(rows)
    shape = (episodes, rows.shape[0])
    key = jax.random.fold_in(key, jax.lax.axis_index("device"))
    _, state = jax.vmap(jax.vmap(ENV.reset_env, (0, None)), (0, None))(jax.random.split(key, shape), PARAMS)
    step = jax.vmap(jax.vmap(lambda state, action: ENV.step_env(key, state, action, PARAMS)))

    def next_step(carry: Any) -> Any:
        state, running, steps, computed = carry
        observations = (state.x, state.x_dot, state.theta, state.theta_dot)
        if options.form == "vmap":
            observations = jnp.stack(observations)
        _, state, _, terminated, _ = step(state, policy(observations))
        ended = terminated | ENV.is_truncated(state, PARAMS)
        return state, running & ~ended, steps + running, computed + 1

    start = (state, jnp.ones(shape, bool), jnp.zeros(shape, jnp.int32), jnp.int32(0))
    _, _, steps, computed = jax.lax.while_loop(lambda carry: carry[1].any(), next_step, start)
    return steps, computed[None]


@partial(jax.jit, static_argnames="episodes")
def measure(key: Any, rows: Any, episodes: int) -> tuple[Any, Any, Any]:
    """Return mean returns, useful steps and computed steps, with a part of the rows on each device."""
    mesh = Mesh(np.array(jax.devices()), ("device",))
    specs = {"in_specs": (PartitionSpec(), DIVIDED), "out_specs": (PartitionSpec(None, "device"), DIVIDED)}
    steps, computed = jax.shard_map(partial(play, episodes=episodes), mesh=mesh, check_vma=False, **specs)(key, rows)
    return steps.mean(axis=0), steps.sum(), computed.sum() * (steps.size // options.devices)


class Rollout:
    """Plays episodes of fixed rows; each call has new ones."""

    def __init__(self) -> None:
        """Begin with the first key."""
        self._calls = 0

    def __call__(self, rows: Array, episodes: int) -> Measured:
        """Return what the rows achieve."""
        self._calls += 1
        return as_measured(measure(jax.random.key(self._calls), rows, episodes))


def as_measured(found: Any) -> Measured:
    """Bring what was measured back to NumPy."""
    means, useful, computed = jax.device_get(found)
    return Measured(means, int(useful), int(computed))


algorithm: Any = SimpleGA(64, jnp.zeros(first_rows(np.random.default_rng(0)).shape[1]), optax.constant_schedule(0.5))
algorithm.elite_ratio = 0.125  # the best eight, as all others have it


@partial(jax.jit, donate_argnames="state")
def generation(key: Any, state: Any) -> Any:
    """Ask, measure and tell."""
    key_ask, key_play, key_tell = jax.random.split(key, 3)
    rows, state = algorithm.ask(key_ask, state, algorithm.default_params)
    found = measure(key_play, rows, SEARCH_EPISODES)
    state, _ = algorithm.tell(key_tell, rows, -found[0], state, algorithm.default_params)
    return state, rows[jnp.argmax(found[0])], found


def search(seed: int, limit: float) -> Searched:
    """Search with evosax's simple genetic algorithm; only a generation's best and its counts leave the device."""
    ends, key = time.perf_counter() + limit, jax.random.key(seed)
    rows = first_rows(np.random.default_rng(seed))
    found = measure(key, rows, SEARCH_EPISODES)
    state = algorithm.init(key, rows, -found[0], algorithm.default_params)
    best, generations, held_out, useful, computed = rows[int(np.argmax(found[0]))], 1, 0.0, 0, 0
    while True:
        means, new_useful, new_computed = as_measured(found)
        useful, computed = useful + new_useful, computed + new_computed
        warm = limit > 0 or generations > 3  # what a generation returns lies elsewhere than the start, and is compiled for
        if has_solved(means.max()) or not warm:
            copies = jnp.repeat(best[None], options.devices, axis=0)
            tried = as_measured(measure(jax.random.fold_in(key, generations), copies, HELD_OUT // options.devices))
            held_out, useful, computed = float(tried.means.mean()), useful + tried.useful, computed + tried.computed
        if warm and (has_solved(held_out) or time.perf_counter() > ends):
            return Searched(held_out, generations, useful, computed)
        key, now = jax.random.split(key)
        (state, best, found), generations = generation(now, state), generations + 1


if __name__ == "__main__":
    names = ("evosax", "gymnax", "jax")
    made = Peer(
        version=", ".join(f"{name} {version(name)}" for name in names),
        threads=options.devices,
        rollout=Rollout(),
        search=search,
    )
    serve("evosax", lambda: made)
