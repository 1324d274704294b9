"""`evolvent envs`: lists the worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.table import Table

from evolvent.cli.flags import parse
from evolvent.cli.tables import show
from evolvent.cli.terminal import say
from evolvent.files import dump_json
from evolvent.tasks.gym_ids import registered, registered_limits
from evolvent.training.algorithm_choice import GENETIC, algorithm_name
from evolvent.training.presets import PRESETS
from evolvent.training.worlds import compiled_ids, default_form, why_not_compiled


@dataclass(frozen=True, kw_only=True)
class Envs:
    """List the worlds: the compiled ones first, then what Gymnasium knows.

    Args:
        all: Name every world that Gymnasium knows.
        json: Print one JSON object as the last line of stdout.
    """

    all: tyro.conf.FlagCreatePairsOff[bool] = False
    json: tyro.conf.FlagCreatePairsOff[bool] = False


def command(arguments: Sequence[str]) -> int:
    """Run `evolvent envs` and return its exit code."""
    flags = parse(Envs, "envs", arguments)
    compiled = [env_id for env_id in compiled_ids() if why_not_compiled(env_id) is None]
    known = sorted({*compiled, *PRESETS})
    others = [env_id for env_id in registered() if env_id not in known]
    if flags.json:
        say(dump_json({"compiled": [*compiled], "presets": [*sorted(PRESETS)], "gymnasium": [*registered()]}))
        return 0
    table = Table("world", "runs as", "preset", "reaches", "solved", "steps", box=None, pad_edge=False)
    for env_id in known:
        table.add_row(env_id, default_form(env_id), *_figures(env_id))
    show(table)
    say()
    if flags.all:
        say("registered with Gymnasium; default settings, where observations are boxes:")
        for env_id in others:
            say(f"  {env_id}")
    else:
        say(f"and {len(others)} that Gymnasium knows, with default settings: evolvent envs --all")
    return 0


def _figures(env_id: str) -> tuple[str, ...]:
    """Return what searches in a world's preset, what it reaches, what counts as solved, and the most steps of an episode."""
    steps, threshold = registered_limits(env_id)
    preset = PRESETS.get(env_id)
    search = None if preset is None else algorithm_name(preset.settings.get("algorithm", GENETIC))
    reached = None if preset is None or preset.measured is None else f"{preset.measured.score:.6g}"
    figures = (search, reached, None if threshold is None else f"{threshold:g}", None if steps is None else str(steps))
    return tuple(each or "–" for each in figures)
