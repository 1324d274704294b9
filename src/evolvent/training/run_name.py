"""What runs and the folders of environments may be called: names that are safe on every system."""

import re
from hashlib import sha256
from typing import Final

from evolvent.errors import UsageError

LATEST: Final = "latest"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WINDOWS_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LONGEST_ENV: Final = 64
_LONGEST_OF_MODULE: Final = 32  # so that the path of a run's policy fits a line


def check_name(name: str) -> str:
    """Return the name if a run may have it: it must be a safe name for a folder on every system.

    Raises:
        UsageError: If it may not.

    Examples:
        >>> check_name("sigma-0.02")
        'sigma-0.02'
        >>> check_name("../elsewhere")
        Traceback (most recent call last):
            ...
        evolvent.errors.UsageError: --name '../elsewhere': expected 1 to 64 of A-Z a-z 0-9 . _ - and a letter or digit first
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"--name {name!r}: expected 1 to 64 of A-Z a-z 0-9 . _ - and a letter or digit first")
    if _WINDOWS_DEVICE.fullmatch(name) or name.endswith("."):
        raise UsageError(f"--name {name!r}: Windows cannot have a folder of this name; choose another one")
    if name.lower() == LATEST:
        raise UsageError(f"--name {name!r}: this word stands for the newest run; choose another one")
    return name


def safe_name(env_id: str) -> str:
    """Turn the id of an environment into the name of a folder, the same on every system.

    Different ids may share a folder; what a run was made for stands in its `run.toml`.

    Examples:
        >>> safe_name("CartPole-v1"), safe_name("ALE/Pong-v5"), safe_name("my_package.mazes:make_maze")
        ('CartPole-v1', 'ALE-Pong-v5', 'mazes-make_maze')
    """
    module, colon, name = env_id.rpartition(":")
    short = f"{module.rpartition('.')[2]}{colon}{name}".replace("<", "").replace(">", "")
    name = re.sub(r"[^A-Za-z0-9._-]", "-", short).lstrip("._-").rstrip(".")
    if not name or _WINDOWS_DEVICE.fullmatch(name):
        name = f"env-{name}".rstrip("-.")
    longest = _LONGEST_OF_MODULE if colon else _LONGEST_ENV
    if len(name) > longest:
        digest = sha256(env_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{name[: longest - 9]}-{digest}"
    return name
