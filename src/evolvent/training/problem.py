"""What is searched for: a world, data or a function, as a user gives it and as a run's file names it."""

from __future__ import annotations

from typing import Any

from evolvent.env_kwargs import as_arguments, as_text
from evolvent.errors import UsageError
from evolvent.tasks import Function, Supervised
from evolvent.tasks.gym_ids import Factory, GymSpec, named
from evolvent.training.worlds import full_id

Problem = str | Supervised | Function
World = str | Factory | GymSpec
Given = Problem | World


def given_problem(env: Given) -> tuple[Problem, dict[str, Any]]:
    """Return the problem that a user gave, and the settings that come with it.

    Args:
        env: The id of a world; a function that makes one, or its text `module:function`; the `spec` of an environment; a
            `Supervised` or a `Function`.

    Raises:
        UsageError: It is something else, an environment for one.
    """
    if isinstance(env, str):
        return full_id(env), {}
    if isinstance(env, Supervised | Function):
        return env, {}
    found = named(env)
    if found is None:
        raise UsageError(
            f"env: expected the id of a world, a function that makes one, a Supervised or a Function, got {type(env).__name__}"
        )
    return found.env_id, {
        **({"env_kwargs": found.env_kwargs} if found.env_kwargs else {}),
        **({"max_steps": found.max_steps} if found.max_steps else {}),
    }


def given_world(env: World) -> tuple[str, dict[str, Any]]:
    """Return the text that names a world which a user gave, and the settings that come with it; as for `given_problem`.

    Raises:
        UsageError: It is no world.
    """
    problem, settings = given_problem(env)
    if not isinstance(problem, str):
        raise UsageError(f"env: expected a world, got {problem.name}, which is data or a function")
    return problem, settings


def with_settings(given: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a user over those that came with the problem, its single keyword arguments likewise."""
    both = {**given, **settings}
    if "env_kwargs" in given and "env_kwargs" in settings:
        both["env_kwargs"] = {**given["env_kwargs"], **as_arguments(as_text(settings["env_kwargs"]))}
    return both


def problem_in_file(named: str, chosen: Given | None, source: str) -> Problem:
    """Return what a file's run searches for, unless building it would import a module that the user has not named too.

    Args:
        named: The id in the file, or the name of data or of a function.
        chosen: What the user gave, None for nothing.
        source: What to call the file in an error.

    Raises:
        UsageError: The user gave another world, or none where the file names one as `module:id` or `module:function`.
    """
    if chosen is not None:
        problem, _ = given_problem(chosen)
        name = problem_name(problem)
        if named not in {name, name.rpartition(":")[2]} and not _same_in_script(named, name):
            raise UsageError(f"env: {source} is of {named!r}, got {name!r}")
        return problem
    if ":" not in named:
        return named
    if "<" in named:
        raise UsageError(
            f"{source} is of {named!r}, a function that no file holds; go on in Python: evolvent.resume(folder, env=function)"
        )
    raise UsageError(
        f"{source} names the world {named!r}, whose module would be imported; if you trust it, give it: --env {named}"
    )


def problem_name(problem: Problem) -> str:
    """Return the id of a world, or the name of data or of a function."""
    return problem if isinstance(problem, str) else problem.name


def _same_in_script(one: str, other: str) -> bool:
    """Return whether two texts name the function of a script, one of them as the script sees it itself."""
    (one_module, _, one_name), (other_module, _, other_name) = one.partition(":"), other.partition(":")
    return "__main__" in {one_module, other_module} and one_name == other_name
