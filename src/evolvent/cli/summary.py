"""What a run came to, in lines, and how to go on."""

from __future__ import annotations

from evolvent.cli.terminal import command_name, duration, quantity, short
from evolvent.training import Run, RunInterrupted, Score
from evolvent.training.run import read_config

LARGE = 1e8  # beyond it, figures are written with an exponent


def result_lines(run: Run) -> list[str]:
    """Return what a run came to and where it is kept, in lines."""
    score, progress = run.score, run.progress
    verdict = "solved" if run.solved else "not solved" if run.config.target is not None else "done"
    target = "" if run.config.target is None else f", target {run.config.target:g}"
    spent = f"{quantity(progress.env_steps)} steps, {duration(progress.seconds)}"
    lines = [
        "",
        f"{verdict}: {run.reason} after {progress.generation} generations, {spent}",
        f"score   {figures(score)}, {score.episodes} fresh episodes{target}",
        f"digest  {progress.digest}",
    ]
    if run.folder:
        lines.append(f"run     {short(run.folder.path)}")
        if run.policy:
            lines.append(f"policy  {short(run.folder.best)}")
    return lines


def figures(score: Score) -> str:
    """Return a mean with its interval and its spread, small ones with more digits.

    Examples:
        >>> figures(Score(mean=486.59, std=31.4, episodes=100)), figures(Score(mean=0.72, std=0.45, episodes=100))
        ('486.6 ± 6.2 (95 %), std 31.4', '0.720 ± 0.088 (95 %), std 0.450')
    """
    form = ".3f" if abs(score.mean) < 10 else ".1f" if abs(score.mean) < LARGE else ".3g"
    return f"{score.mean:{form}} ± {score.margin:{form}} (95 %), std {score.std:{form}}"


def summary(run: Run) -> list[str]:
    """Return what a run came to, where it is kept and what to do next, in lines."""
    lines = result_lines(run)
    if run.folder:
        rest = {"play": _env_flag(run.env), "plot": "", "record": _env_flag(run.env)}
        lines += ["next:", *(f"  {command_name()} {verb} {run.folder.name}{more}" for verb, more in rest.items())]
    return lines


def how_to_go_on(interrupted: RunInterrupted) -> str:
    """Return where an interrupted run stopped and the command that goes on with it."""
    done = (
        f"stopped after generation {interrupted.generations - 1}"
        if interrupted.generations
        else "stopped before the first generation"
    )
    if interrupted.folder is None:
        return done
    world, _ = read_config(interrupted.folder)
    return f"{done}, resume with: {command_name()} resume {short(interrupted.folder.path)}{_env_flag(world)}"


def _env_flag(world: str) -> str:
    return f" --env {world}" if ":" in world else ""
