"""Keyword arguments of a world, as `gymnasium.make` takes them, as text: `gravity=9.8`, `healthy_z_range=[0.2,1.0]`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from evolvent.errors import UsageError, shown

LONGEST = 1000  # characters
DEEPEST = 8  # lists in lists
LARGEST = 2**64  # whole numbers; Python prints none of thousands of digits
SET_ELSEWHERE = {
    "id": "it is the world itself",
    "max_episode_steps": "the setting max_steps (--max-steps) says it",
    "render_mode": "evolvent play and evolvent record show the world",
    "disable_env_checker": "Evolvent looks at every step itself",
}


def as_text(env_kwargs: Mapping[str, Any] | Iterable[str]) -> tuple[str, ...]:
    """Return keyword arguments as texts `name=value`, sorted by name; the value as JSON has it.

    Args:
        env_kwargs: A mapping, or such texts. A value is a number, a truth value, text, or a list of these.

    Raises:
        UsageError: A text has no name, a name is given twice or is said elsewhere, or a value is of another kind.

    Examples:
        >>> as_text({"wind": True, "range": (0.2, 1.0)}), as_text(["goal_velocity=0.1"])
        (('range=[0.2,1.0]', 'wind=true'), ('goal_velocity=0.1',))
    """
    if isinstance(env_kwargs, str) or not isinstance(env_kwargs, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"env_kwargs: expected a mapping or a list of name=value, got {shown(env_kwargs)}")
    given: list[tuple[Any, Any]] = [*env_kwargs.items()] if isinstance(env_kwargs, Mapping) else [*map(_pair, env_kwargs)]
    pairs = [(name, value.tolist() if hasattr(value, "tolist") else value) for name, value in given]
    for name, value in pairs:
        if not isinstance(name, str) or not name.isidentifier():
            raise UsageError(f"env_kwargs: expected the name of an argument, got {shown(name)}")
        if name in SET_ELSEWHERE:
            raise UsageError(f"env_kwargs: {name} is not given here: {SET_ELSEWHERE[name]}")
        if not _is_plain(value):
            raise UsageError(
                f"env_kwargs: {name}: expected a number, a truth value, text, or a list of these, got {_kind(value)}"
            )
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"env_kwargs: {twice} is given twice")
    texts = tuple(sorted(f"{name}={_as_json(value)}" for name, value in pairs))
    if sum(map(len, texts)) > LONGEST:
        raise UsageError(f"env_kwargs: expected at most {LONGEST:,} characters in all, got {sum(map(len, texts)):,}")
    return texts


def as_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """Return what `as_text` made texts of: lists come back as tuples.

    Examples:
        >>> as_arguments(["range=[0.2,1.0]", "wind=true", "file=ant.xml"])
        {'range': (0.2, 1.0), 'wind': True, 'file': 'ant.xml'}
    """
    return {name: _with_tuples(value) for name, value in map(_pair, texts)}


def refuse_text(texts: Iterable[str], source: str) -> None:
    """Refuse arguments from a file that are, or hold, text: it may name another file, which no file decides to open.

    Args:
        texts: Arguments, as texts `name=value`.
        source: What to call the file.

    Raises:
        UsageError: There is such text.
    """
    texts = as_text(texts)
    if any('"' in text for text in texts):
        raise UsageError(
            f"{source} gives the world text, which may name a file to be opened; if you trust it, give it yourself:"
            f" --env-kwargs {' '.join(map(shlex.quote, texts))}"
        )


def _pair(text: Any) -> tuple[str, Any]:
    name, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
    if not equals:
        raise UsageError(f"env_kwargs: expected name=value, got {shown(text)}; for example goal_velocity=0.1")
    name, value = name.strip(), value.strip()
    plain = {"True": True, "False": False, "None": None, "inf": float("inf"), "-inf": float("-inf")}
    if value in plain:
        return name, plain[value]
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list | tuple):
        return depth < DEEPEST and all(_is_plain(item, depth + 1) for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, np.number | np.bool_):
        return isinstance(value.item(), bool | int | float)
    return abs(value) < LARGEST if isinstance(value, int) else isinstance(value, float | str | None)


def _kind(value: Any) -> str:
    return "a whole number beyond 64 bits" if isinstance(value, int) else type(value).__name__


def _as_json(value: Any) -> str:
    return json.dumps(value, default=lambda number: number.item(), separators=(",", ":"))


def _with_tuples(value: Any) -> Any:
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]
