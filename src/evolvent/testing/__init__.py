"""For tests of one's own parts: checks of worlds, and a Gymnasium world that misbehaves on demand."""

from evolvent.testing.check_env import check_env
from evolvent.testing.check_gym_env import check_gym_env
from evolvent.testing.faulty_env import FaultyEnv
from evolvent.testing.findings import Finding, Report
from evolvent.testing.same_world import check_same_world

__all__ = ["FaultyEnv", "Finding", "Report", "check_env", "check_gym_env", "check_same_world"]
