"""Training: one search from its settings to its result, and what it leaves on disk."""

from evolvent.training.callbacks import Callback, Generation, Stop
from evolvent.training.config import Config, GeneticConfig
from evolvent.training.run import Run, RunInterrupted, evolve, resume, start
from evolvent.training.run_folder import RunFolder, find_runs, open_run
from evolvent.training.scoring import Score

__all__ = [
    "Callback",
    "Config",
    "Generation",
    "GeneticConfig",
    "Run",
    "RunFolder",
    "RunInterrupted",
    "Score",
    "Stop",
    "evolve",
    "find_runs",
    "open_run",
    "resume",
    "start",
]
