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
    table = Table("world", "runs as", "preset reaches", "solved at", "steps", box=None, pad_edge=False)
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


def _figures(env_id: str) -> tuple[str, str, str]:
    """Return what the preset reaches, when the world counts as solved, and how long an episode is at most."""
    steps, threshold = registered_limits(env_id)
    preset = f"{PRESETS[env_id].score:g}" if env_id in PRESETS else "–"
    return preset, "–" if threshold is None else f"{threshold:g}", "–" if steps is None else str(steps)
