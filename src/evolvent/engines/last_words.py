"""What a worker says, or printed, when it comes to its end, in words for a user."""

from __future__ import annotations

from typing import Final

from evolvent import errors
from evolvent.engines.messages import Message
from evolvent.errors import EnvironmentFailed, EvolventError

LINES_TOLD: Final = 6  # of what a worker printed, in a message
LONGEST_TOLD: Final = 600  # characters


def refusal(message: Message) -> EvolventError:
    """Return the error to raise for what a worker could not do, of the kind that it met there."""
    kind: type[EvolventError] = getattr(errors, message.facts["kind"] or "EnvironmentFailed", EnvironmentFailed)
    text = message.facts["text"]
    error = kind(text if message.facts["kind"] else f"a worker process cannot do its task: {text}")
    if details := message.facts["details"]:
        error.add_note(f"in a worker process:\n{details}")
    return error


def last_words(printed: str) -> str:
    """Return the end of what a worker printed, as the tail of a message: of a crash, where in Python it happened."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    crash = next((line for line in lines if line.startswith("Fatal Python error")), None)
    place = next((number for number, line in enumerate(lines) if line.startswith("Current thread")), len(lines))
    told = lines[-LINES_TOLD:] if crash is None else [crash, *lines[place : place + LINES_TOLD]]
    return f"; it printed: {' | '.join(told)[:LONGEST_TOLD]}" if told else ""
