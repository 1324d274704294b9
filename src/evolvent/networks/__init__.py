"""Networks: forward passes over one flat parameter row."""

from evolvent.networks.base import Network
from evolvent.networks.mlp import MLP

NETWORKS: dict[str, type[MLP]] = {"mlp": MLP}

__all__ = ["MLP", "NETWORKS", "Network"]
