"""Where MuJoCo's warnings go: it would append them to a file MUJOCO_LOG.TXT in the current folder."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
from typing import Any

log = logging.getLogger("evolvent")


def keep_out_of_folder(entry_point: object) -> None:
    """Have what MuJoCo warns of in this process logged instead, unless somebody else looks after it.

    Args:
        entry_point: Of the environment that is about to be built; where it is one of Gymnasium's in MuJoCo, that is loaded.
    """
    if "gymnasium.envs.mujoco" in str(entry_point):
        with contextlib.suppress(ImportError):  # building the environment tells it better
            importlib.import_module("mujoco")
    mujoco: Any = sys.modules.get("mujoco")
    if hasattr(mujoco, "set_mju_user_warning") and mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_log)


def _log(text: str) -> None:
    log.debug("MuJoCo: %s", text)
