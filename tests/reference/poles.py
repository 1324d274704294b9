"""Poles on a cart in the numbers of Python, straight from the equations of Gomez, Schmidhuber and Miikkulainen 2008."""

import math

G, M, MU_C, MU_P, H = -9.8, 1.0, 0.0005, 0.000002, 0.01


def rates(state, force, poles):
    """Return the rate of change of (x, v, angle, angular velocity, ...); `poles` are pairs (half length, mass)."""
    v, leans = state[1], list(zip(state[2::2], state[3::2], poles, strict=True))
    forces, masses = 0.0, 0.0
    for angle, w, (half, m) in leans:
        friction = MU_P * w / (half * m)
        forces += half * m * w**2 * math.sin(angle) + 0.75 * m * math.cos(angle) * (friction + G * math.sin(angle))
        masses += m * (1 - 0.75 * math.cos(angle) ** 2)
    sign = (v > 0) - (v < 0)
    acceleration = (force - MU_C * sign + forces) / (M + masses)
    changes = [v, acceleration]
    for angle, w, (half, m) in leans:
        friction = MU_P * w / (half * m)
        changes += [w, -0.75 * (acceleration * math.cos(angle) + G * math.sin(angle) + friction) / half]
    return changes


def step(state, force, poles):
    """Return the state 0.02 s later."""
    for _ in range(2):
        k1 = rates(state, force, poles)
        k2 = rates(moved(state, k1, H / 2), force, poles)
        k3 = rates(moved(state, k2, H / 2), force, poles)
        k4 = rates(moved(state, k3, H), force, poles)
        state = moved(state, [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)], H)
    return state


def moved(state, slope, time):
    """Return where a straight line leads."""
    return [number + time * rate for number, rate in zip(state, slope, strict=True)]


def fallen(state, limit):
    """Return whether an episode is over, for poles that may lean as far as `limit` [rad]."""
    return abs(state[0]) > 2.4 or any(abs(angle) > limit for angle in state[2::2])


def energy(state, poles):
    """Return kinetic and potential energy of the cart and of poles that are thin rods [J]."""
    v = state[1]
    total = M * v**2 / 2
    for angle, w, (half, m) in zip(state[2::2], state[3::2], poles, strict=True):
        kinetic = m * v**2 / 2 + m * half * v * w * math.cos(angle) + m * (2 * half) ** 2 / 3 * w**2 / 2
        total += kinetic - G * m * half * math.cos(angle)
    return total


def damping_fitness(states):
    """Return Gruau's fitness of the states after each step that was survived."""
    t = len(states)
    steadiness = 0.0
    if t >= 100:
        steadiness = 0.75 / math.fsum(abs(x) + abs(v) + abs(angle) + abs(w) for x, v, angle, w, *_ in states[-100:])
    return 0.1 * t / 1000 + 0.9 * steadiness
