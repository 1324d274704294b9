"""A world that somebody has written over values goes to the checker of such worlds."""

from __future__ import annotations

from evolvent.envs import ENVS, MAKERS
from evolvent.errors import UsageError
from evolvent.tasks.gym_ids import imports
from evolvent.testing.check_env import check_env
from evolvent.testing.findings import Finding, finding


def check_compiled(env_id: str) -> list[Finding] | None:
    """Return what is wrong with a compiled world of the user's, None where `env_id` is no such world.

    The module of `module:Id` is imported.
    """
    name = env_id.rpartition(":")[2]
    if not imports(env_id) or name not in ENVS or name in MAKERS:
        return None
    try:
        check_env(ENVS[name])
    except UsageError as error:
        lines = str(error).splitlines()
        return [finding("compiled_wrong", problem=line.strip()) for line in (lines[1:] or lines)]
    return []
