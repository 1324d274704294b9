# pyright: basic
"""A simulation as compiled code sees it: addresses to call MuJoCo with, and the arrays that it reads and writes.

Everything here is text that runs inside a kernel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolvent.tasks.mujoco.calls import call

Values = NDArray[np.float64]
Controls = NDArray[np.float32]


class Simulation(NamedTuple):
    """One `mjData` and its model; the arrays are MuJoCo's own memory, and have its names.

    Args:
        mj_step: The address of the C function, as are the next three of `mj_forward`, `mj_resetData` and
            `mj_rnePostConstraint`.
        model: The address of the model.
        data: The address of the data.
        warnings: How often MuJoCo has warned of what, a number for each kind.
        initial_qpos: The positions `(nq,)` and velocities `(nv,)` that an episode begins around.
        total_mass: Of all bodies [kg].
    """

    mj_step: int
    mj_forward: int
    mj_reset_data: int
    mj_rne_post_constraint: int
    model: int
    data: int
    warnings: NDArray[np.int32]
    initial_qpos: Values
    initial_qvel: Values
    body_mass: Values
    total_mass: float
    qpos: Values
    qvel: Values
    ctrl: Values
    xpos: Values
    xipos: Values
    site_xpos: Values
    cinert: Values
    cvel: Values
    qfrc_actuator: Values
    qfrc_constraint: Values
    cfrc_ext: Values


def clear(simulation: Simulation) -> None:
    """Make everything as it was when the data were made, with the initial positions and velocities."""
    call(simulation.mj_reset_data, simulation.model, simulation.data)
    for k in range(len(simulation.qpos)):
        simulation.qpos[k] = simulation.initial_qpos[k]
    for k in range(len(simulation.qvel)):
        simulation.qvel[k] = simulation.initial_qvel[k]


def settle(simulation: Simulation) -> None:
    """Compute what follows from positions and velocities."""
    _keep_quiet(simulation)
    call(simulation.mj_forward, simulation.model, simulation.data)


def simulate(simulation: Simulation, controls: Controls, times: int) -> None:
    """Step `times` times under the same controls."""
    for k in range(len(controls)):
        simulation.ctrl[k] = controls[k]
    for _ in range(times):
        _keep_quiet(simulation)
        call(simulation.mj_step, simulation.model, simulation.data)


def compute_contact_forces(simulation: Simulation) -> None:
    """Compute `cfrc_ext`, which stepping leaves as it was."""
    call(simulation.mj_rne_post_constraint, simulation.model, simulation.data)


def _keep_quiet(simulation: Simulation) -> None:
    """Let MuJoCo believe that it has warned already: a first warning is written into the current folder."""
    for kind in range(len(simulation.warnings)):
        simulation.warnings[kind] = max(simulation.warnings[kind], 1)
