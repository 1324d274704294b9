# pyright: reportMissingImports=false
"""EvoTorch in Gymnasium's own world: GymNE, the population divided among two Ray actors."""

from __future__ import annotations

from importlib.metadata import version

import torch
from _job import Array
from _python_job import HIDDEN, PROCESSES, Play, World, serve, transposed
from evotorch.neuroevolution import GymNE
from evotorch.tools import set_default_logger_config

NETWORK = f"Linear(obs_length, {HIDDEN}) >> Tanh() >> Linear({HIDDEN}, act_length)"


def make(world: World) -> Play:
    """Return what plays episodes with rows; EvoTorch counts the steps itself."""
    torch.set_num_threads(1)
    set_default_logger_config(logger_level=30)
    problems: dict[int, GymNE] = {}

    def play(rows: Array, episodes: int) -> int:
        if episodes not in problems:
            problems[episodes] = GymNE(world.id, NETWORK, num_episodes=episodes, num_actors=PROCESSES)
        problem = problems[episodes]
        before = problem.status.get("total_interaction_count", 0) if problem.is_main and problem.status else 0
        batch = problem.generate_batch(len(rows))
        batch.set_values(torch.from_numpy(transposed(rows, world)))
        problem.evaluate(batch)
        return int(problem.status["total_interaction_count"]) - int(before)

    return play


if __name__ == "__main__":
    serve("evotorch", f"EvoTorch {version('evotorch')}, PyTorch {torch.__version__}, Ray {version('ray')}", make)
