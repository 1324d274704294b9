"""How commands find the policy that they are asked to show, and its world."""

from __future__ import annotations

import re
from pathlib import Path

from evolvent.cli.terminal import short
from evolvent.envs import ENVS
from evolvent.errors import LONGEST_SHOWN, UsageError
from evolvent.policies import Policy, load_policy
from evolvent.tasks.gym_ids import is_registered
from evolvent.training import RunFolder, open_run
from evolvent.training.run import read_config
from evolvent.training.worlds import full_id

IMPORTED = re.compile(r"[\w.]+:[\w./-]+", re.ASCII)  # the name of a world of a module, and nothing that a shell would obey


def find_policy(what: str, runs_dir: Path) -> Policy:
    """Return the policy in a file, or the best one of a run.

    Raises:
        UsageError: There is neither such a file nor such a run, or the run has no policy yet.
        FileRefused: The file is no sound policy.
    """
    if what.endswith(".safetensors"):
        return load_policy(what)
    folder = open_run(what, runs_dir, prefer=lambda run: run.best.exists())
    if not folder.best.exists():
        raise UsageError(_why_no_policy(folder))
    return load_policy(folder.best)


def world_of(policy: Policy, chosen: str | None) -> str:
    """Return the world that the user chose, or the one that the policy names, if it is a known one.

    A policy file never decides what is imported: a world that is not registered already must be named by the user.

    Raises:
        UsageError: The policy names no known world, and the user none.
    """
    if chosen is not None:
        return full_id(chosen)
    if policy.env_id in ENVS or is_registered(policy.env_id):
        return policy.env_id
    if not policy.env_id:
        raise UsageError(
            "the policy names no world, as one that was evolved on data: in Python, evolvent.load_policy(file).act(inputs)"
            " gives its answers; if it acts in a world, say which: --env ID"
        )
    imported = len(policy.env_id) <= LONGEST_SHOWN and IMPORTED.fullmatch(policy.env_id)
    say_which = f"if you trust its module, say so: --env {policy.env_id}" if imported else "say which: --env ID"
    raise UsageError(f"the policy names {policy.env_id[:LONGEST_SHOWN]!r}, which is not a known world; {say_which}")


def in_python(folder: RunFolder) -> str:
    """Return how to go on with a run of what only Python code has, as the tail of a message."""
    return (
        "the name of data or of a function, which no file holds; go on in Python, with"
        f" folder = evolvent.open_run({folder.name!r}, Path({str(folder.path.parent.parent)!r})):"
        " evolvent.resume(folder, env=problem)"
    )


def _why_no_policy(folder: RunFolder) -> str:
    named, config = read_config(folder)
    if config.world == "python" and folder.checkpoints():
        return f"the run {folder.name} has a best row and no policy, for it is of {named!r}, {in_python(folder)}.row"
    if config.world == "python":
        return f"the run {folder.name} has no policy yet; it is of {named!r}, {in_python(folder)}"
    return f"the run {folder.name} has no policy yet; evolvent resume {short(folder.path)} goes on with it"
