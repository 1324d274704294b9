"""The errors a user can meet, and the exit code of each.

A command that ends well exits with 0. A bug of ours exits with 1, the code that Python itself uses. The codes 2 to 7
belong to the classes below. A run that was asked to stop saves a checkpoint first and exits with `EXIT_INTERRUPTED`
(Ctrl-C) or `EXIT_TERMINATED` (SIGTERM, SIGHUP): 128 plus the number of the signal, as shells do.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, ClassVar, Final

LONGEST_SHOWN: Final = 80  # characters of a value in a message

EXIT_INTERRUPTED: Final = 130
EXIT_TERMINATED: Final = 143


class EvolventError(Exception):
    """The root of all errors that Evolvent raises on purpose; its text is complete without a traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(EvolventError):
    """Raised when an argument, a flag, a setting or a path that the user gave cannot be used."""

    exit_code: ClassVar[int] = 2


class FileRefused(EvolventError):
    """Raised when a file is there but is corrupt, too new, unsafe or not what it should be."""

    exit_code: ClassVar[int] = 3


class EnvironmentFailed(EvolventError):
    """Raised when an environment cannot be built, breaks its contract or fails in too many evaluations."""

    exit_code: ClassVar[int] = 4


class EngineFailed(EvolventError):
    """Raised when workers, memory or a cluster give out more often than a run can tolerate."""

    exit_code: ClassVar[int] = 5


class StorageFailed(EvolventError):
    """Raised when the operating system refuses to read or write; what was saved before is untouched."""

    exit_code: ClassVar[int] = 6


class RunLocked(EvolventError):
    """Raised when another living process holds the run."""

    exit_code: ClassVar[int] = 7


class ContractBroken(Exception):
    """Raised where an episode has shown or paid what it must not, and caught: it fails the episode alone.

    Its text is complete without a traceback.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the known word nearest to a misspelt one, as the tail of an error message.

    Upper and lower case are not told apart. Of equally near words the alphabetically last one wins.

    Args:
        word: What the user wrote.
        known: The words that would have been right.

    Returns:
        `'; did you mean "x"?'`, or an empty string if nothing is near.

    Examples:
        >>> did_you_mean("tahn", ["relu", "tanh"])
        '; did you mean "tanh"?'
        >>> did_you_mean("xyz", ["relu", "tanh"])
        ''
    """
    by_lower_case = {name.lower(): name for name in sorted(known)}
    near = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return f'; did you mean "{by_lower_case[near[0]]}"?' if near else ""


def shown(value: Any) -> str:
    """Return a value for a message, its beginning where it is long; whatever it is, this raises nothing.

    Examples:
        >>> shown([1.5, "a"]), shown(10**5000)
        ("[1.5, 'a']", 'a number of thousands of digits')
    """
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    except Exception:  # noqa: BLE001 - the value is the user's
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
