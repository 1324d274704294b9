"""Where a run measures its populations, when its settings leave that open."""

from __future__ import annotations

import logging

from evolvent.crew import cores
from evolvent.engines import AUTO, Engine, Inline, Processes
from evolvent.errors import UsageError
from evolvent.tasks import Function, Task
from evolvent.training.config import Config

log = logging.getLogger("evolvent")


def engine_name(config: Config) -> str:
    """Return the engine that a run takes: the chosen one, or worker processes for what would keep one core busy otherwise."""
    if config.engine != AUTO:
        return config.engine
    return "processes" if config.world == "gymnasium" and (config.workers or cores()) > 1 else "inline"


def make_engine(config: Config, task: Task) -> Engine:
    """Return the engine that the settings ask for; where they leave it open, one that the task can be measured by."""
    if engine_name(config) == "inline":
        alone = config.world == "gymnasium" or isinstance(task, Function)
        return Inline(1 if alone else config.workers or cores())
    engine = Processes(config.workers, eval_timeout=config.eval_timeout, worker_memory=config.worker_memory)
    try:
        engine.introduce(task)
    except UsageError as obstacle:
        if config.engine != AUTO:
            raise
        log.warning("%s; it is measured in this process alone", obstacle)
        return Inline()
    return engine
