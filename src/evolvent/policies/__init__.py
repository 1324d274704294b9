"""Policies: networks with parameters and an action rule."""

from evolvent.policies.policy import Policy, load_policy

__all__ = ["Policy", "load_policy"]
