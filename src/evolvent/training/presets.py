"""Tuned starts for known worlds: one table, with what each was measured to reach.

`benchmarks/presets.py --worlds ID --keep` measures a row anew: it runs the preset as a user would, for several seeds, and
keeps what every seed came to in `benchmarks/results/presets.json`, of which `measured` here is the summary. The page
`docs/presets.md` shows the table; a test holds all three together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a preset came to.

    Args:
        score: Mean over the seeds of the champion's mean return over 100 fresh episodes.
        seeds: How many runs that was, with the seeds 0, 1, ...
        solved: How many of them reached the world's threshold; None where it has none.
        training_steps: Steps that populations took until the run ended, the median of the runs.
        seconds: How long that took on the two cores of the machine that the results tell, the median of the runs [s].
    """

    score: float
    seeds: int
    solved: int | None
    training_steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings tuned for one world.

    Args:
        settings: What differs from the defaults of `Config`.
        measured: What they came to; None as long as nobody has measured it.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    measured: Measured | None = None


PRESETS: dict[str, Preset] = {
    "CartPole-v1": Preset(
        settings={
            "algorithm": "genetic",
            "hidden": (16,),
            "population": 64,
            "episodes": 3,
            "validation_episodes": 100,
            "genetic": {"selection": "truncation:num_parents=8", "mutation": "gaussian:strength=0.5"},
        },
        measured=Measured(score=500.0, seeds=5, solved=5, training_steps=51900, seconds=0.0045),
    ),
}
