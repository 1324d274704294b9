"""What will go wrong with a Gymnasium environment, in plain words, before a run finds out."""

from __future__ import annotations

import base64
import math
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from evolvent.engines.blueprint import main_module, needs_main
from evolvent.env_kwargs import as_arguments, as_text
from evolvent.errors import UsageError
from evolvent.tasks import gym_ids
from evolvent.testing.compiled_check import check_compiled
from evolvent.testing.findings import ORDER, Finding, Report, finding
from evolvent.testing.gym_episode_check import first_difference
from evolvent.testing.probe_process import TWIN_DONE, ProbeProcess, Told
from evolvent.testing.registry_entry import pack_entry, refuse_unknown
from evolvent.training.config import check_count

MOST_EPISODES = 10_000
LONGEST = 86_400  # seconds
MOST_SHOWN = 40  # characters of what is printed
ENDED_ANYWAY = "A worker that does not end by itself is ended two seconds later."


def check_gym_env(
    env: Any,
    env_kwargs: Mapping[str, Any] | Sequence[str] = (),
    *,
    episodes: int = 20,
    time_limit: float = 60.0,
) -> Report:
    """Say what will go wrong with a Gymnasium environment in a run.

    It is looked at in two processes of its own, as worker processes are: episodes of random actions are held to Gymnasium's
    API and to the environment's own spaces, played again, in fresh copies and in the other process, and measured. One that
    hangs or dies is told like everything else.

    Args:
        env: A registered id, `module:Id`, `module:function` of one that makes an environment, or such a function.
        env_kwargs: Keyword arguments of the environment: a mapping, or texts `name=value`.
        episodes: How many episodes, of 1,000 steps at most, are played; fewer where a quarter of the time is over before.
        time_limit: How long all of it may take [s]; what has not come back by then hangs.

    Returns:
        What was found and measured. `trains` says whether a run would work.

    Raises:
        UsageError: There is no such environment, or an argument cannot be used.

    Examples:
        >>> report = check_gym_env("FrozenLake-v1", episodes=3)
        >>> report.trains
        True
        >>> [found.headline for found in report.findings if found.kind != "note"]
        []
    """
    check_count("episodes", episodes, at_least=1, at_most=MOST_EPISODES)
    if not 0 < time_limit <= LONGEST:
        raise UsageError(f"time_limit: expected a time above 0 of at most {LONGEST:,} s, got {time_limit}")
    known = gym_ids.named(env) if not isinstance(env, str) else None
    env_id = known.env_id if known else str(env)
    texts = as_text({**(known.env_kwargs if known else {}), **_as_mapping(env_kwargs)})
    refuse_unknown(env_id)
    if ":" not in env_id and (wrong := check_compiled(env_id)) is not None:
        return Report(env_id=env_id, findings=tuple(wrong))
    try:
        request = {"env_id": env_id, "env_kwargs": texts, "episodes": episodes, **_found_by(env_id)}
    except UsageError as error:
        return Report(env_id=env_id, findings=(finding("cannot_be_sent", problem=str(error.__cause__ or error)),))
    with tempfile.TemporaryDirectory(prefix="evolvent-") as folder:
        told, twin = _look(request, Path(folder), time_limit)
    if refused := [*told.all("usage"), *twin.all("usage")]:
        raise UsageError(refused[0])
    if bugs := [*told.all("bug"), *twin.all("bug")]:
        raise RuntimeError(bugs[0])
    findings = sorted(_findings(told, twin, time_limit), key=lambda each: ORDER.index(each.kind))
    measured = [item for each in told.all("figures") for item in each.items()]
    figures = {name: value for name, value in measured if not isinstance(value, float) or math.isfinite(value)}
    return Report(env_id=env_id, findings=tuple(findings), figures=figures)


def _as_mapping(env_kwargs: Mapping[str, Any] | Sequence[str]) -> Mapping[str, Any]:
    return env_kwargs if isinstance(env_kwargs, Mapping) else as_arguments(as_text(env_kwargs))


def _found_by(env_id: str) -> dict[str, Any]:
    """Return how another process finds what is known in this one.

    Raises:
        UsageError: It cannot.
    """
    if gym_ids.only_here(env_id):
        raise UsageError(f"{env_id} is found in this one alone")
    entry = b"" if ":" in env_id else pack_entry(env_id)
    main = main_module() if env_id.startswith("__main__:") or needs_main(entry) else {}
    return {"entry": base64.b64encode(entry).decode(), "main": main}


def _look(request: dict[str, Any], folder: Path, limit: float) -> tuple[Told, Told]:
    """Return what two processes tell that look at the same environment at the same time, the second one at little of it."""
    with ExitStack() as stack:
        folders = folder / "first", folder / "twin"
        for each in folders:
            each.mkdir()
        first, twin = (ProbeProcess(each, limit) for each in folders)
        stack.callback(first.end)
        stack.callback(twin.end)
        first.ask({**request, "twin": False})
        first.wait_for_a_word()
        twin.ask({**request, "twin": True})
        of_twin = twin.wait()
        (folders[0] / TWIN_DONE).touch()
        return first.wait(), of_twin


def _findings(told: Told, twin: Told, limit: float) -> Iterator[Finding]:
    found = [Finding(**each) for each in told.all("finding")]
    yield from found
    if end := _bad_end(told, limit):
        yield end
    elif not any(each.kind == "error" for each in found):
        yield from _of_twin(told, twin, limit, {each.key for each in found})
    for stream, (first, size) in told.printed.items():
        begins = (first.decode(errors="replace").strip().splitlines() or [""])[0][:MOST_SHOWN]
        yield finding("prints", found=f"{size:,} bytes to {stream}, beginning with {begins!r}")


def _bad_end(told: Told, limit: float) -> Finding | None:
    """Return how the process ended that should have told more."""
    if told.done:
        return None
    where = told.where()
    if told.hung:
        found = finding("hangs", method=told.place, limit=limit, where=where or "in code that is not Python's")
    elif told.code >= 0:
        found = finding("leaves", method=told.place, code=told.code)
    else:
        how = signal.Signals(-told.code).name
        found = finding("dies", method=told.place, how=how, where=f" ({where})" if where else "")
    return found if told.place.method != "close()" else replace(found, kind="warning", meaning=ENDED_ANYWAY)


def _of_twin(told: Told, twin: Told, limit: float, known: set[str]) -> Iterator[Finding]:
    """Yield what is otherwise in a second process."""
    pairs = list(zip(told.all("episode"), twin.all("episode"), strict=False))
    problems = [each["headline"] for each in twin.all("finding")]
    problems += [
        theirs["broken"]
        for ours, theirs in pairs
        if theirs["broken"] and not ours["broken"] and len(ours["digests"]) > len(theirs["digests"])
    ]
    if end := _bad_end(twin, limit):
        problems.append(end.headline)
    if problems:
        yield finding("second_copy_fails", problem=problems[0])
    elif "not_deterministic" not in known:
        for episode, (ours, theirs) in enumerate(pairs):
            if found := first_difference(ours["digests"], theirs["digests"]):
                yield finding("other_in_other_process", found=f"{found}, of episode {episode + 1}")
                return
