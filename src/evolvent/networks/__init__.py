"""Networks: forward passes over one flat parameter row."""

from evolvent.networks.base import Network
from evolvent.networks.elman import Elman
from evolvent.networks.gru import GRU
from evolvent.networks.kinds import NETWORKS, in_words, make_network
from evolvent.networks.lstm import LSTM
from evolvent.networks.mlp import MLP
from evolvent.networks.recurrent import Recurrent

__all__ = ["GRU", "LSTM", "MLP", "NETWORKS", "Elman", "Network", "Recurrent", "in_words", "make_network"]
