"""The kinds of networks, by the names that settings and files use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from evolvent.errors import UsageError
from evolvent.networks.base import Network
from evolvent.networks.elman import Elman
from evolvent.networks.gru import GRU
from evolvent.networks.layout import Initialiser, refuse_unknown
from evolvent.networks.lstm import LSTM
from evolvent.networks.memories import refuse_long_memory
from evolvent.networks.mlp import MLP
from evolvent.networks.recurrent import Recurrent

AUTO: Final = "auto"

NETWORKS: Final[Mapping[str, type[MLP | Recurrent | Elman | GRU | LSTM]]] = {
    "mlp": MLP,
    "recurrent": Recurrent,
    "elman": Elman,
    "gru": GRU,
    "lstm": LSTM,
}


def make_network(  # noqa: PLR0913 - each is a setting of its own
    kind: str,
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = AUTO,
    output_activation: str = "identity",
    biases: bool = True,
    initialiser: Initialiser = "normal",
) -> Network:
    """Return a network of a kind.

    Args:
        kind: A name in `NETWORKS`.
        inputs: How many values go in.
        hidden: Sizes of the hidden layers. An mlp has any number, elman, gru and lstm have one, and recurrent has one layer in
            which outputs and these hidden units stand side by side, or, with none, outputs alone.
        outputs: How many values come out.
        activation: Of the hidden units, a name in `ACTIVATIONS`; "auto" is relu in an mlp and tanh elsewhere. Those of gru and
            lstm are part of their equations, and so is "auto".
        output_activation: Of the outputs. Those of recurrent are units like the others, and have the same as they.
        biases: Whether there are biases.
        initialiser: Of the weights.

    Raises:
        UsageError: The kind is unknown, or has no such sizes or settings.

    Examples:
        >>> make_network("recurrent", 3, (), 1, biases=False).dim
        4
        >>> make_network("elman", 3, (3,), 1, biases=False).dim
        21
    """
    refuse_unknown("network", kind, NETWORKS)
    chosen = ("relu" if kind == "mlp" else "tanh") if activation == AUTO else activation
    if kind == "recurrent":
        _refuse_layers(kind, hidden, at_least=0)
        if output_activation not in {"identity", chosen}:
            raise UsageError(
                "output_activation: the outputs of a recurrent network are some of its units and have their activation,"
                f" {chosen}; got {output_activation!r}. elman has a layer of outputs"
            )
        units = outputs + sum(hidden)
        return Recurrent(
            num_inputs=inputs, units=units, num_outputs=outputs, activation=chosen, biases=biases, initialiser=initialiser
        )
    sizes = (inputs, *hidden, outputs)
    if kind == "mlp":
        return MLP(sizes=sizes, activation=chosen, output_activation=output_activation, biases=biases, initialiser=initialiser)
    _refuse_layers(kind, hidden, at_least=1)
    if kind == "elman":
        return Elman(
            sizes=sizes, activation=chosen, output_activation=output_activation, biases=biases, initialiser=initialiser
        )
    if chosen != "tanh":
        raise UsageError(f"activation: that of {kind} is part of its equations: expected auto or tanh, got {activation!r}")
    cell = GRU if kind == "gru" else LSTM
    return cell(sizes=sizes, output_activation=output_activation, biases=biases, initialiser=initialiser)


def in_words(network: Network) -> str:
    """Return the kind, the sizes and the activation of a network in a few words.

    Examples:
        >>> in_words(MLP(sizes=(4, 16, 2))), in_words(LSTM(sizes=(4, 8, 2)))
        ('4-16-2 relu', 'LSTM 4-8-2')
    """
    sizes = (network.num_inputs, network.units) if isinstance(network, Recurrent) else getattr(network, "sizes", None)
    shape = "-".join(map(str, sizes or (network.num_inputs, network.num_outputs)))
    kind = "" if isinstance(network, MLP) else type(network).__name__
    return " ".join(filter(None, (kind, shape, getattr(network, "activation", ""))))


def _refuse_layers(kind: str, hidden: Sequence[int], at_least: int) -> None:
    if not at_least <= len(hidden) <= 1:
        raise UsageError(
            f"hidden: {kind} has {'one layer' if at_least else 'at most one layer'} of hidden units, got {len(hidden)} layers"
        )
    refuse_long_memory("hidden", sum(hidden), 2 if kind == "lstm" else 1)
