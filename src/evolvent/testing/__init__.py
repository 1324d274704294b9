"""For tests of one's own parts: checks of compiled worlds, and a Gymnasium world that misbehaves on demand."""

from evolvent.testing.check_env import check_env
from evolvent.testing.faulty_env import FaultyEnv
from evolvent.testing.same_world import check_same_world

__all__ = ["FaultyEnv", "check_env", "check_same_world"]
