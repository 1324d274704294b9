"""Who is measured: one line each, with what its environment holds and what is started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A row of the table.

    Args:
        label: For the reader.
        script: Beside this file, without its suffix.
        packages: Its file in `requirements/`, without its suffix, and its environment; None for Evolvent's own.
        arguments: Of the script.
    """

    label: str
    script: str
    packages: str | None = None
    arguments: tuple[str, ...] = ()


CONTESTANTS = {
    "evolvent-1": Contestant(label="Evolvent, 1 thread", script="by_evolvent"),
    "evolvent-2": Contestant(label="Evolvent, 2 threads", script="by_evolvent", arguments=("--threads", "2")),
    "evolvent-gymnasium": Contestant(
        label="Evolvent, in Gymnasium's CartPole", script="by_evolvent", arguments=("--world", "gymnasium")
    ),
    "article": Contestant(label="the article's loop", script="by_article", packages="gymnasium"),
    "gymnasium": Contestant(label="Gymnasium vector + NumPy", script="by_gymnasium", packages="gymnasium"),
    "envpool": Contestant(label="EnvPool + NumPy", script="by_envpool", packages="envpool"),
    "pygad": Contestant(label="PyGAD", script="by_pygad", packages="pygad"),
    "neat": Contestant(label="neat-python", script="by_neat", packages="neat"),
    "evosax": Contestant(label="evosax + gymnax, network by vmap", script="by_evosax", packages="evosax"),
    "evosax-lanes": Contestant(
        label="evosax + gymnax, network written out", script="by_evosax", packages="evosax", arguments=("--form", "lanes")
    ),
    "evosax-lanes-2": Contestant(
        label="evosax + gymnax, written out, 2 devices",
        script="by_evosax",
        packages="evosax",
        arguments=("--form", "lanes", "--devices", "2"),
    ),
    "evotorch": Contestant(label="EvoTorch", script="by_evotorch", packages="evotorch"),
    "evotorch-2": Contestant(
        label="EvoTorch, 2 Ray actors", script="by_evotorch", packages="evotorch", arguments=("--actors", "2")
    ),
    "sb3": Contestant(label="sb3-contrib, ARS", script="by_sb3", packages="sb3"),
}
REFERENCE = "evolvent-1"
