"""The process in which an environment is looked at: it tells what it finds while it goes, for it may not come back."""

from __future__ import annotations

import base64
import faulthandler
import itertools
import json
import logging
import math
import multiprocessing.spawn
import os
import shutil
import statistics
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evolvent.crew import cores
from evolvent.env_kwargs import as_arguments
from evolvent.envs import EnvSpec
from evolvent.errors import EvolventError, UsageError
from evolvent.seeding import stream
from evolvent.tasks.gym_env import DEFAULT_CAP, make, spec_of
from evolvent.testing.compiled_check import check_compiled
from evolvent.testing.costs import compiled, in_a_run, seconds_a_step
from evolvent.testing.findings import Finding, finding
from evolvent.testing.gym_episode_check import Broken, Played, in_words, play
from evolvent.testing.probe_process import TWIN_DONE
from evolvent.testing.registry_entry import limit_of, unpack_entry
from evolvent.testing.replays import same_again, seeded_globals
from evolvent.testing.surroundings import changes, free_megabytes, megabytes, scramble, surroundings
from evolvent.testing.whereabouts import Whereabouts
from evolvent.training.worlds import default_form

MOST_STEPS = 1000  # of an episode that are looked at
MOST_COPIES = 4  # that are made after the first one
COMPARED = 2  # episodes that another process plays as well
MOST_SHOWN = 200  # characters of a space
CHEAP = 50e-6  # seconds a step, below which Python itself is most of it
SLOW_FIRST = 1.0  # seconds
LEAK = 0.5  # MB an episode
OLDER = {"older_reset", "older_step"}  # which end the looking at once


@dataclass
class Probe:
    """What is looked at, and where what is found is told.

    Args:
        env_id: A registered id, `module:Id`, or a factory.
        env_kwargs: Keyword arguments of the environment.
        episodes: How many to play.
        limit: How long all of it may take [s].
        folder: Where to tell it.
    """

    env_id: str
    env_kwargs: dict[str, Any]
    episodes: int
    limit: float
    folder: Path

    def __post_init__(self) -> None:
        """Begin to note where it is, and draw the seeds, which are as large as those of a run."""
        self.seeds = [int(seed) for seed in stream(0, "check").bits((self.episodes,))]
        self.began = time.perf_counter()
        self.at = Whereabouts(self.folder / "place")
        self.found: list[Finding] = []
        self.copies: list[float] = []
        self.build_seconds = 0.0

    def tell(self, word: str, content: Any) -> None:
        """Write down what was found, to stay whatever happens next."""
        with (self.folder / "told").open("a", encoding="utf-8") as file:
            file.write(json.dumps([word, content]) + "\n")

    def find(self, *findings: Finding) -> None:
        """Tell findings, each once."""
        for each in findings:
            if each.key not in {known.key for known in self.found}:
                self.found.append(each)
                self.tell("finding", asdict(each))

    def has_time(self, share: float) -> bool:
        """Return whether no more than a share of the time is over."""
        return time.perf_counter() - self.began < share * self.limit

    def build(self) -> Any:
        """Return a fresh environment."""
        self.at.note("__init__()")
        held = megabytes()
        env = make(self.env_id, env_kwargs=self.env_kwargs)
        self.copies.append(max(0.0, megabytes() - held))
        return env

    @contextmanager
    def fresh(self) -> Generator[Any]:
        """Give a fresh environment, and close it."""
        env = self.build()
        try:
            self.at.note("reset()")
            yield env
        finally:
            self.close(env)

    def play(self, env: Any, episode: int, share: float) -> Played:
        """Play an episode, for a share of the time at most."""
        self.at.episode = episode + 1
        scramble(episode)
        most = min(MOST_STEPS, limit_of(self.env_id) or MOST_STEPS)
        return play(env, self.seeds[episode], most, time.perf_counter() + share * self.limit, self.at.note)

    def close(self, env: Any) -> None:
        """Close an environment."""
        self.at.note("close()")
        try:
            env.close()
        except Exception as problem:  # noqa: BLE001 - of any kind: the code is the user's
            self.find(finding("close_raises", problem=in_words(problem)))


def main() -> None:
    """Look at the environment that stdin describes, until that is done, or stdin is closed."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, args=(Path(request["folder"]).parent,), daemon=True).start()
    probe = _prepared(request)
    trace = (probe.folder / "trace").open("w", encoding="utf-8")
    faulthandler.enable(trace)
    faulthandler.dump_traceback_later(probe.limit, exit=True, file=trace)
    try:
        _register(request)
        _look(probe, is_twin=request["twin"])
    except UsageError as error:
        probe.tell("usage", str(error))
    except EvolventError as error:
        probe.find(finding("cannot_be_built", problem=str(error).partition(" cannot be built: ")[2] or str(error)))
    except (Exception, SystemExit):  # noqa: BLE001 - the other process says it
        probe.tell("bug", traceback.format_exc())
    probe.tell("done", None)
    os._exit(0)


def _look(probe: Probe, *, is_twin: bool) -> None:
    if (wrong := check_compiled(probe.env_id) if ":" in probe.env_id else None) is not None:
        for each in wrong:
            probe.tell("finding", asdict(each))
    elif is_twin:
        twin(probe)
    else:
        look(probe)


def look(probe: Probe) -> None:
    """Look at everything."""
    before, began = surroundings(), time.perf_counter()
    env = probe.build()
    probe.build_seconds = time.perf_counter() - began
    probe.tell("figures", {"seconds_to_build": probe.build_seconds})
    spec = _described(probe, env)
    if spec is None:
        return
    episodes = _play_all(probe, env)
    if not any(each.key in OLDER for each in probe.found):
        _wait_for_twin(probe)
        _look_again(probe, env, episodes)
        probe.find(*changes(before))
        _look_at_costs(probe, spec, episodes)


def _wait_for_twin(probe: Probe) -> None:
    """Keep the environment until another process has had one at the same time."""
    while not (probe.folder / TWIN_DONE).exists() and probe.has_time(0.4):
        time.sleep(0.01)


def twin(probe: Probe) -> None:
    """Play the first episodes in a process of its own."""
    env = probe.build()
    for episode in range(min(COMPARED, probe.episodes)):
        played = probe.play(env, episode, 0.06)
        _tell_episode(probe, played)
    probe.close(env)


def _tell_episode(probe: Probe, played: Played) -> None:
    broken = _told_of(played.broken, 1, 1).headline if played.broken else None
    probe.tell("episode", {"digests": played.digests, "broken": broken})


def _described(probe: Probe, env: Any) -> EnvSpec | None:
    """Return what the environment says of itself; None where no policy can be made for it."""
    try:
        spec = spec_of(probe.env_id, env)
    except UsageError as error:
        probe.find(finding("unsupported_space", problem=str(error).removeprefix(f"{probe.env_id}: ")))
        return None
    shown = {name: " ".join(str(getattr(env, name)).split())[:MOST_SHOWN] for name in ("observation_space", "action_space")}
    probe.tell("figures", {**shown, "max_episode_steps": spec.max_episode_steps, "cores": cores()})
    return spec


def _play_all(probe: Probe, env: Any) -> list[Played]:
    episodes: list[Played] = []
    memory: list[float] = []
    while len(episodes) < probe.episodes and (not episodes or probe.has_time(0.25)):
        played = probe.play(env, len(episodes), 0.06)
        episodes.append(played)
        memory.append(megabytes())
        if len(episodes) <= COMPARED:
            _tell_episode(probe, played)
        probe.find(*(finding(key, **facts) for key, facts in played.odd.items()))
        if played.broken and played.broken.key in OLDER:
            break
    broken = [each.broken for each in episodes if each.broken]
    counts = Counter(each.key for each in broken)
    for key, count in counts.items():
        first = next(each for each in broken if each.key == key)
        probe.find(_told_of(first, count, len(episodes)))
    _look_at_memory(probe, memory)
    _look_at_the_end(probe, episodes)
    return episodes


def _told_of(broken: Broken, count: int, episodes: int) -> Finding:
    """Return the finding for episodes that a run would fail, no error where they are few."""
    share = f"{count} of {episodes} episodes" if count < episodes else "every episode"
    found = finding(broken.key, share=share, **broken.facts)
    return found if 5 * count > episodes else replace(found, kind="warning")


def _look_at_memory(probe: Probe, memory: list[float]) -> None:
    """Find what grows with every episode, once those that fill caches are over."""
    later = memory[len(memory) // 3 :]
    growth = [after - before for before, after in itertools.pairwise(later)]
    if len(growth) >= 3 and sum(each > LEAK / 4 for each in growth) > len(growth) / 2 and sum(growth) / len(growth) > LEAK:
        probe.find(finding("leaks_memory", megabytes=sum(growth) / len(growth)))


def _look_at_the_end(probe: Probe, episodes: list[Played]) -> None:
    """Find whether nothing but our own limit would end an episode."""
    longest = max(0 if each.over or each.broken else len(each.digests) - 1 for each in episodes)
    if longest and limit_of(probe.env_id) is None:
        probe.find(finding("no_limit", longest=longest, cap=DEFAULT_CAP))


def _look_again(probe: Probe, env: Any, episodes: list[Played]) -> None:
    """Play an episode that went well again, close the environment, and play it in fresh ones."""
    e = next((e for e, played in enumerate(episodes) if not played.broken), None)
    if e is None:
        probe.close(env)
        return
    needed = MOST_COPIES * (probe.build_seconds + sum(episodes[e].seconds))
    if not probe.has_time(0.7 - needed / probe.limit):
        probe.close(env)
        probe.find(finding("cut_short", limit=probe.limit))
        return
    seed, most = probe.seeds[e], len(episodes[e].digests) - 1
    scramble(most)
    later = play(env, seed, most, note=probe.at.note)
    if found := seeded_globals(env, seed, most):
        probe.find(found)
    probe.close(env)
    probe.find(*same_again(probe.fresh, seed, episodes[e], later))


def _look_at_costs(probe: Probe, spec: EnvSpec, episodes: list[Played]) -> None:
    a_step = seconds_a_step(episodes)
    lengths = [len(each.digests) - 1 for each in episodes]
    mean = sum(lengths) / len(lengths)
    probe.tell("figures", {"seconds_a_step": a_step, "steps_an_episode": mean})
    first = episodes[0].seconds[1] if len(episodes[0].seconds) > 1 else 0.0
    if first > SLOW_FIRST and first > 20 * a_step:
        probe.find(finding("slow_first_step", seconds=first))
    if any(each.kind == "error" for each in probe.found) or math.isnan(a_step) or not probe.has_time(0.6):
        return
    probe.at.note("a run")
    cap = max(1, min(MOST_STEPS, spec.max_episode_steps, int(0.05 * probe.limit / a_step)))
    try:
        rate, evaluation = in_a_run(probe.env_id, probe.env_kwargs, spec, cap)
    except EvolventError as error:
        probe.find(finding("fails_in_a_run", problem=str(error)))
        return
    if evaluation.failed.any():
        problems = getattr(evaluation, "problems", None) or ()
        probe.find(finding("fails_in_a_run", problem=problems[0].text if problems else "an episode fails"))
        return
    _look_at_room(probe)
    probe.tell("figures", {"steps_a_second": rate})
    if default_form(probe.env_id) == "compiled":
        probe.find(finding("runs_compiled"))
    elif a_step < CHEAP and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0":
        there = compiled()
        rounded = f"{there / 1e6:.0f} M"
        probe.find(finding("cheap_steps", microseconds=1e6 * a_step, rate=rounded, times=there * a_step))


def _look_at_room(probe: Probe) -> None:
    """Find whether a worker for every core fits into the memory."""
    held = megabytes()
    fit = max(1, int(free_megabytes() / held)) if held > 0 else cores()
    copy = statistics.median(probe.copies[1:] or probe.copies)
    probe.tell("figures", {"megabytes_a_worker": held, "megabytes_a_copy": copy, "workers": min(fit, cores())})
    if fit < cores():
        probe.find(finding("little_memory", megabytes=held, fit=fit, cores=cores()))


def _prepared(request: dict[str, Any]) -> Probe:
    warnings.simplefilter("ignore")
    logging.getLogger("evolvent").addHandler(logging.NullHandler())
    logging.getLogger("evolvent").propagate = False
    settings = {name: request[name] for name in ("env_id", "episodes", "limit")}
    return Probe(**settings, env_kwargs=as_arguments(request["env_kwargs"]), folder=Path(request["folder"]))


def _register(request: dict[str, Any]) -> None:
    """Make the id known here that is known to the process that asks."""
    if request["main"]:
        multiprocessing.spawn.prepare(request["main"])
    unpack_entry(base64.b64decode(request["entry"]))


def _end_with_parent(folder: Path) -> None:
    """End once the process that asked is gone, and take away the folder that it would have taken away."""
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
