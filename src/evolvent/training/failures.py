"""What a run tells of episodes that failed: the first of them whole, then how many there were."""

from __future__ import annotations

import logging

from evolvent.evaluation import Evaluation, Problem

log = logging.getLogger("evolvent")


class Failures:
    """Logs the first failed episode of a run and counts the individuals that failed.

    Args:
        name: What is searched for, for the message.
    """

    def __init__(self, name: str) -> None:
        """Count from nothing."""
        self.count = 0
        self._name = name
        self._told = False

    def note(self, evaluation: Evaluation, where: str = "") -> None:
        """Take note of an evaluation.

        Args:
            evaluation: What a task measured.
            where: When that was, such as `"generation 7, "`.
        """
        self.count += int(evaluation.failed.sum())
        if evaluation.problems and not self._told:
            self._told = True
            _tell(self._name, where, evaluation.problems[0])


def _tell(name: str, where: str, problem: Problem) -> None:
    text = (
        f"{name} failed ({where}individual {problem.individual}, episode {problem.episode}, seed {problem.seed},"
        f" step {problem.step}): {problem.text}; more of it is only counted"
    )
    record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s", (text,), None)
    record.exc_text = problem.details or None
    log.handle(record)
