"""What a run tells of episodes that failed: the first of them whole, then how many there were."""

from __future__ import annotations

import logging

from evolvent.evaluation import Evaluation, Problem

log = logging.getLogger("evolvent")


class Failures:
    """Logs the first failed episode of a run, counts the individuals that failed, and notices what cannot be repeated.

    Args:
        name: What is searched for, for the message.
    """

    def __init__(self, name: str) -> None:
        """Count from nothing."""
        self.count = 0
        self.repeatable = True
        self._name = name
        self._told = self._told_of_replacement = False

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

    def note_replacement(self, evaluation: Evaluation, episode: int) -> None:
        """Take note of an episode that failed whoever played it, which another takes the place of."""
        problem = next((each for each in evaluation.problems or () if each.episode == episode), None)
        if not self._told_of_replacement:
            self._told_of_replacement = True
            log.warning(
                "%s: an episode failed whoever played it%s; another takes its place, which is said once",
                self._name,
                f" (seed {problem.seed}, step {problem.step}): {problem.text}" if problem else "",
            )

    def note_repetition(self, before: float, now: float) -> None:
        """Take note of the mean return of an individual whose episodes were played before, with the same seeds."""
        if self.repeatable and before != now:
            self.repeatable = False
            log.warning(
                "%s: the same episodes of the same individual gave %.6g, then %.6g: the environment does not depend on its seed"
                " alone, and the run cannot be repeated to the bit; evolvent check-env %s tells more",
                *(self._name, before, now, self._name),
            )


def _tell(name: str, where: str, problem: Problem) -> None:
    text = (
        f"{name} failed ({where}individual {problem.individual}, episode {problem.episode}, seed {problem.seed},"
        f" step {problem.step}): {problem.text}; more of it is only counted"
    )
    record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s", (text,), None)
    record.exc_text = problem.details or None
    log.handle(record)
