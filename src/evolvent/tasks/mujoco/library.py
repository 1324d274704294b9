# pyright: basic
"""The installed MuJoCo: whether compiled code can call it, and simulations in it. The only file that names the package."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from evolvent.tasks.mujoco.calls import call
from evolvent.tasks.mujoco.simulation import Simulation

mujoco: Any = None
MISSING = ""
try:
    import mujoco as _installed
except Exception as error:  # noqa: BLE001 - it looks at the machine's ways to draw, and raises what it finds
    MISSING = str(error)
else:
    mujoco = _installed

log = logging.getLogger("evolvent")

MAJOR_VERSIONS = ("3", "4")
FUNCTIONS = {
    "mj_step": "mj_step",
    "mj_forward": "mj_forward",
    "mj_reset_data": "mj_resetData",
    "mj_rne_post_constraint": "mj_rnePostConstraint",
}  # by the names that a Simulation has for them
LIBRARIES = ("libmujoco.so*", "libmujoco*.dylib", "mujoco.dll")
ARRAYS = {
    "qpos": (-1,),
    "qvel": (-1,),
    "ctrl": (-1,),
    "xpos": (-1, 3),
    "xipos": (-1, 3),
    "site_xpos": (-1, 3),
    "cinert": (-1,),
    "cvel": (-1,),
    "qfrc_actuator": (-1,),
    "qfrc_constraint": (-1,),
    "cfrc_ext": (-1,),
}  # of mjData, with the shapes in which a Simulation has them
FALLING_BALL = """
<mujoco>
  <worldbody>
    <body><joint type="slide" axis="0 0 1"/><joint name="hinge"/><geom size=".1" pos=".1 0 0"/></body>
  </worldbody>
  <actuator><motor joint="hinge"/></actuator>
</mujoco>
"""


class Unknown(Exception):
    """Raised when the installed MuJoCo is not as compiled code needs it; its text is the reason, complete."""


@functools.cache
def problem() -> str | None:
    """Return in words why compiled code cannot call the installed MuJoCo, None if it can.

    A small model is stepped in both ways, once a process, so that no number is trusted that was not compared.
    """
    if mujoco is None:
        return f'MuJoCo cannot be imported ({MISSING}); pip install "evolvent[mujoco]"'
    version = str(mujoco.__version__)
    if version.partition(".")[0] not in MAJOR_VERSIONS:
        return f"MuJoCo {version} is not one of the versions {', '.join(f'{each}.x' for each in MAJOR_VERSIONS)} that are known"
    try:
        _compare()
    except (Unknown, AttributeError, TypeError, ValueError, OSError) as reason:
        return f"MuJoCo {version} is not as compiled code needs it: {reason}"
    return None


@functools.cache
def addresses() -> dict[str, int]:
    """Return where the C functions lie in this process.

    Raises:
        Unknown: The library or one of its functions is not found.
    """
    folder = Path(str(mujoco.__file__)).parent
    paths = [path for pattern in LIBRARIES for path in sorted(folder.glob(pattern))]
    if not paths:
        raise Unknown(f"there is no library in {folder}")
    library = ctypes.CDLL(str(paths[0]))
    missing = [name for name in FUNCTIONS.values() if not hasattr(library, name)]
    if missing:
        raise Unknown(f"{paths[0].name} has no {', '.join(missing)}")
    return {field: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for field, name in FUNCTIONS.items()}


def lean_copy(model: Any) -> Any:
    """Return a copy of `model` that computes the same numbers in less time.

    Where all bodies hang together, MuJoCo's search for parts that do not touch (`island`) finds one or none: it is left out.
    """
    lean = copy.copy(model)
    if getattr(lean, "ntree", 0) == 1:
        lean.opt.disableflags |= int(getattr(mujoco.mjtDisableBit, "mjDSBL_ISLAND", 0))
    return lean


def new_data(model: Any) -> Any:
    """Return data of its own for a simulation of `model`."""
    return mujoco.MjData(model)


def simulation_of(model: Any, data: Any, qpos: Any, qvel: Any) -> Simulation:
    """Return what compiled code needs of `data`, which the caller keeps for as long.

    Args:
        model: An MjModel.
        data: An MjData of it.
        qpos: `(nq,)`, the positions that an episode begins around.
        qvel: `(nv,)`, the velocities.

    Raises:
        Unknown: An array of MuJoCo's is not one that compiled code can read where it lies.
    """
    return Simulation(
        **addresses(),
        model=int(model._address),
        data=int(data._address),
        warnings=_in_place(data.warning.number, "warning.number", np.int32),
        initial_qpos=np.array(qpos, np.float64),
        initial_qvel=np.array(qvel, np.float64),
        body_mass=np.array(model.body_mass, np.float64),
        total_mass=float(model.body_mass.sum()),
        **{name: _in_place(getattr(data, name), name, np.float64).reshape(shape) for name, shape in ARRAYS.items()},
    )


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Keep what MuJoCo says in the block below out of the current folder, where it would write MUJOCO_LOG.TXT."""
    if mujoco is None or mujoco.get_mju_user_warning() is not None:
        yield
        return
    mujoco.set_mju_user_warning(lambda text: log.debug("MuJoCo: %s", text))
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(None)


def _in_place(array: Any, name: str, dtype: type) -> Any:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.flags.aligned:
        raise Unknown(f"{name} is no array of {dtype.__name__}")
    if dtype is np.float64 and not array.flags.c_contiguous:
        raise Unknown(f"{name} does not lie in one piece")
    return array


def _compare() -> None:
    with quiet():
        model = mujoco.MjModel.from_xml_string(FALLING_BALL)
        ours, theirs = mujoco.MjData(model), mujoco.MjData(model)
    simulation = simulation_of(model, ours, ours.qpos, ours.qvel)
    ours.ctrl[:] = theirs.ctrl[:] = 0.5
    for field in ("mj_step", "mj_step", "mj_rne_post_constraint", "mj_forward"):
        call(getattr(simulation, field), simulation.model, simulation.data)
        getattr(mujoco, FUNCTIONS[field])(model, theirs)
    _refuse_others(simulation, theirs, "stepped")
    simulation.warnings[:] = 1
    if [each.number for each in ours.warning] != [1] * len(simulation.warnings):
        raise Unknown("warning.number is a copy")
    call(simulation.mj_reset_data, simulation.model, simulation.data)
    mujoco.mj_resetData(model, theirs)
    _refuse_others(simulation, theirs, "reset")


def _refuse_others(simulation: Simulation, theirs: Any, done: str) -> None:
    for name in ARRAYS:
        if getattr(simulation, name).tobytes() != getattr(theirs, name).tobytes():
            raise Unknown(f"{name} differs when it is {done} through the library")
