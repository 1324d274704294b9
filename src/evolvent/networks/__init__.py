"""Networks: forward passes over one flat parameter row."""

from evolvent.networks.base import Network
from evolvent.networks.mlp import MLP

__all__ = ["MLP", "Network"]
