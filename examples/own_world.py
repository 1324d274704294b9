"""A world of your own: land a rocket, in gusts of wind, upright and gently on a pad.

Three plain functions make the world; they run compiled, many episodes side by side. docs/own-world.md explains each line.

    $ python examples/own_world.py
    mean return 85.6 over 100 episodes that the search has not seen
"""

import sys
from typing import NamedTuple

import numpy as np

import evolvent as ev
from evolvent.lanes import absolute, clip, cos, maximum, sin, where
from evolvent.seeding import uniform
from evolvent.spaces import Box
from evolvent.testing import check_env

TIME_STEP = 0.1  # [s]
GRAVITY = 1.62  # [m/s^2], on the Moon
THRUST = 4.0  # [m/s^2], the engine's most
TURN = 0.4  # [rad/s^2], the nozzle's most
GUST = 0.5  # [m/s^2]


class State(NamedTuple):
    """What varies in an episode."""

    x: float  # [m], from the middle of the pad
    y: float  # [m], above the ground
    vx: float  # [m/s]
    vy: float  # [m/s]
    angle: float  # [rad], 0 is upright
    spin: float  # [rad/s]
    wind: float  # [m/s^2]
    flame: float  # how open the engine is, for the picture


def reset(draw):
    """Return a first state: high up, beside the pad, tilted."""
    x, vx = 40.0 * uniform(draw, 0) - 20.0, 4.0 * uniform(draw, 1) - 2.0
    return State(x, 50.0, vx, -4.0 * uniform(draw, 2), 0.4 * uniform(draw, 3) - 0.2, 0.0, 0.0, 0.0)


def observe(state):
    """Return what the pilot sees, each number of about the same size."""
    return state.x / 20, state.y / 20, state.vx / 5, state.vy / 5, state.angle, state.spin


def step(state, action, draw):
    """Fly on for a tenth of a second."""
    flame = 0.5 + 0.5 * action[0]
    wind = 0.95 * state.wind + GUST * (uniform(draw, 0) - 0.5)
    vx = state.vx + TIME_STEP * (wind - THRUST * flame * sin(state.angle))
    vy = state.vy + TIME_STEP * (THRUST * flame * cos(state.angle) - GRAVITY)
    spin = state.spin + TIME_STEP * TURN * action[1]
    angle = state.angle + TIME_STEP * spin
    after = State(state.x + TIME_STEP * vx, state.y + TIME_STEP * vy, vx, vy, angle, spin, wind, flame)
    lost = (absolute(after.x) > 60.0) | (after.y > 80.0) | (absolute(angle) > 1.5)
    landed = after.y <= 0.0
    harm = 10.0 * (absolute(vx) + absolute(vy)) + 50.0 * absolute(angle) + 2.0 * maximum(absolute(after.x) - 3.0, 0.0)
    reward = where(lost, -100.0, where(landed, 100.0 - clip(harm, 0.0, 200.0), -0.02 * flame))
    return after, reward, lost | landed


def picture(state):
    """Return what it looks like: half a metre to a pixel."""
    down, right = np.mgrid[0:160, 0:200]
    right, up = 0.5 * (right - 100) - state.x, 0.5 * (150 - down) - state.y - 3
    across = right * np.cos(state.angle) + up * np.sin(state.angle)
    along = up * np.cos(state.angle) - right * np.sin(state.angle)
    frame = np.full((160, 200, 3), (16, 20, 40), np.uint8)
    frame[150:] = (110, 110, 120)
    frame[150:153, 94:107] = (240, 200, 60)
    frame[(np.abs(across) < 1.2) & (along < -3) & (along > -3 - 5 * state.flame)] = (255, 140, 30)
    frame[(np.abs(across) < 1.5) & (np.abs(along) < 3)] = (230, 230, 240)
    return frame


ROCKET = ev.Env(
    spec=ev.EnvSpec(
        id="Rocket-v0",
        observation_space=Box.symmetric((np.inf,) * 6),
        action_space=Box.symmetric((1.0, 1.0)),
        max_episode_steps=400,
        reward_threshold=75.0,
    ),
    reset=reset,
    observe=observe,
    step=step,
    picture=picture,
)
ev.register(ROCKET)

SETTINGS = {"episodes": 20, "activation": "tanh", "genetic": {"mutation": "gaussian:strength=0.1"}}


if __name__ == "__main__":
    check_env(ROCKET)
    generations = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    run = ev.evolve("Rocket-v0", generations=generations, target=85, runs_dir=None, **SETTINGS)
    print(f"mean return {run.score.mean:.1f} over {run.score.episodes} episodes that the search has not seen")
