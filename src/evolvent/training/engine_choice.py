"""Where a run measures its populations, when its settings leave that open."""

from __future__ import annotations

import logging

from evolvent.crew import cores
from evolvent.engines import AUTO, Engine, Inline, Processes
from evolvent.errors import UsageError
from evolvent.tasks import Function, Task
from evolvent.training.config import Config

log = logging.getLogger("evolvent")

HAS_THREADS = "is measured by threads and needs no processes; expected 'auto' or 'inline', got 'processes'"


def engine_name(config: Config) -> str:
    """Return the engine that a run takes: the chosen one, or worker processes for what would keep one core busy otherwise.

    A world in Python whose episodes have a time limit takes them too: only another process can be ended.
    """
    if config.engine != AUTO:
        return config.engine
    worth_it = (config.workers or cores()) > 1 or config.eval_timeout is not None
    return "processes" if config.world == "gymnasium" and worth_it else "inline"


def make_engine(config: Config, task: Task) -> Engine:
    """Return the engine that the settings ask for; where they leave it open, one that the task can be measured by.

    Raises:
        UsageError: The task cannot be measured in other processes, in which it was asked to be.
    """
    if engine_name(config) == "inline":
        _tell_what_is_not_kept(config)
        alone = config.world == "gymnasium" or isinstance(task, Function)
        return Inline(1 if alone else config.workers or cores())
    if config.world == "compiled":
        raise UsageError(f"engine: a compiled world {HAS_THREADS}, or world='gymnasium' besides")
    if config.world == "python" and not isinstance(task, Function):
        raise UsageError(f"engine: data {HAS_THREADS}")
    engine = Processes(config.workers, eval_timeout=config.eval_timeout, worker_memory=config.worker_memory)
    try:
        engine.introduce(task)
    except UsageError as obstacle:
        if config.engine != AUTO:
            raise
        log.warning("%s; it is measured in this process alone", obstacle)
        return Inline()
    return engine


def _tell_what_is_not_kept(config: Config) -> None:
    for name in ("eval_timeout", "worker_memory"):
        if getattr(config, name) is not None:
            log.warning("%s: what is measured in this process has no such limit; only worker processes have", name)
