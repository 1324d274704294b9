"""For tests of one's own parts: a check of compiled worlds, and a Gymnasium world that misbehaves on demand."""

from evolvent.testing.check_env import check_env
from evolvent.testing.faulty_env import FaultyEnv

__all__ = ["FaultyEnv", "check_env"]
