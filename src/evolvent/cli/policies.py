"""How commands find the policy that they are asked to show, and its world."""

from __future__ import annotations

from pathlib import Path

from evolvent.envs import ENVS
from evolvent.errors import UsageError
from evolvent.policies import Policy, load_policy
from evolvent.tasks.gym_env import is_registered
from evolvent.training import open_run


def find_policy(what: str, runs_dir: Path) -> Policy:
    """Return the policy in a file, or the best one of a run.

    Raises:
        UsageError: There is neither such a file nor such a run, or the run has no policy yet.
        FileRefused: The file is no sound policy.
    """
    if what.endswith(".safetensors"):
        return load_policy(what)
    folder = open_run(what, runs_dir)
    if not folder.best.exists():
        raise UsageError(f"the run {folder.name} has no policy yet; evolvent resume {folder.path} goes on with it")
    return load_policy(folder.best)


def world_of(policy: Policy, chosen: str | None) -> str:
    """Return the world that the user chose, or the one that the policy names, if it is a known one.

    A policy file never decides what is imported: a world that is not registered already must be named by the user.

    Raises:
        UsageError: The policy names no known world, and the user none.
    """
    if chosen is not None:
        return chosen
    if policy.env_id in ENVS or is_registered(policy.env_id):
        return policy.env_id
    named = f"{policy.env_id[:80]!r}, which is not a known world" if policy.env_id else "no world"
    raise UsageError(f"the policy names {named}; say which: --env ID")
