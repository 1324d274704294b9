"""For tests: worlds that misbehave on demand."""

from evolvent.testing.faulty_env import FaultyEnv

__all__ = ["FaultyEnv"]
