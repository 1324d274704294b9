"""What a run is told: one frozen record, which is also the flags of the command and the file `run.toml`."""

from __future__ import annotations

import dataclasses
import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from types import UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np
import tomli_w

from evolvent.algorithms import operators
from evolvent.engines import ENGINES
from evolvent.env_kwargs import as_text
from evolvent.errors import LONGEST_SHOWN, UsageError, did_you_mean, shown
from evolvent.networks import NETWORKS
from evolvent.networks.activations import ACTIVATIONS
from evolvent.networks.kinds import AUTO as ANY_ACTIVATION
from evolvent.networks.mlp import MAX_LAYERS, MAX_NEURONS, Initialiser
from evolvent.policies.actions import ACTION_RULES, AUTO
from evolvent.seeding import MAX_SEED
from evolvent.training.algorithm_choice import GENETIC, TABLE, canonical_algorithm, canonical_restarts
from evolvent.training.algorithm_choice import NONE as NO_RESTARTS
from evolvent.training.shaped_fitness import Kind

T = TypeVar("T")

NONE = "none"  # how None is written in TOML, which has no word for it
MAX_COUNT = 1_000_000_000
MAX_WORKERS = 1024
MAX_LIMIT = 1e18
MAX_NOISE = 1e6
MAX_EXACT = 2**53  # up to here, every whole number is a float
MAX_HIDDEN = MAX_LAYERS - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneticConfig:
    """Settings of the genetic algorithm. Operators are written as name:setting=number,setting=number.

    Args:
        selection: Who breeds: truncation:num_parents, tournament:size, rank:pressure or roulette.
        crossover: How a child is made of two parents: none, uniform:share, neuron:share, one_point, two_point or
            blend:alpha.
        crossover_rate: The probability that a child has two parents.
        mutation: gaussian:strength,rate and likewise uniform, cauchy, multiplicative and replacement; sign_flip:rate;
            several in turn joined by plus signs.
        strength: How strong mutation is as the search goes on: constant, decaying:generations,final or
            self_adaptive:learning_rate.
        num_elites: How many rows live on unchanged.
    """

    selection: str = "truncation:num_parents=16"
    crossover: str = "none"
    crossover_rate: float = 1.0
    mutation: str = "gaussian:strength=0.5"
    strength: str = "constant"
    num_elites: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        _take_types(self, "genetic.")
        operators.selection(self.selection)
        operators.crossover(self.crossover)
        operators.mutation(self.mutation)
        operators.strength(self.strength)
        if not 0 <= self.crossover_rate <= 1:
            raise UsageError(f"genetic.crossover_rate: expected a probability from 0 to 1, got {self.crossover_rate}")
        check_count("genetic.num_elites", self.num_elites, at_least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything beside the world that decides what a run computes.

    Args:
        seed: All randomness follows from it.
        world: Run the world's compiled form, or Gymnasium's own; compiled where nobody says and there is such a form. python
            is what data and functions run as.
        env_kwargs: Keyword arguments of the world, each as name=value: goal_velocity=0.1.
        algorithm: Which search: genetic, with the settings below, or a name of ALGORITHMS, with its own settings behind a
            colon, name:setting=value,setting=value; an unknown one is answered with those that there are.
        restarts: Whether a search that no longer improves begins anew with a larger population: none, or
            ipop:growth,largest,patience.
        network: What policies are: mlp, which sees the present alone, or with a memory recurrent, elman, gru or lstm.
        hidden: Sizes of the network's hidden layers.
        activation: Of the hidden layers; auto is relu in an mlp, tanh in the others.
        output_activation: Of the outputs.
        biases: Whether the network has biases.
        initialiser: How the first weights are drawn.
        action_rule: How outputs become an action: argmax or sampled (softmax) where there are choices, clipped or tanh in a
            box; auto is the first of the two.
        population: Individuals in a generation.
        generations: Stop after so many.
        episodes: Episodes each individual is measured on, new ones every generation.
        max_steps: Steps after which an episode is truncated.
        target: Stop when the champion's mean return is surely at least this; None (or --no-target) goes on.
        max_env_steps: Stop after so many environment steps, None for no limit.
        max_seconds: Stop after so much time, None for no limit.
        normalise: Show the network observations of mean 0 and deviation 1, as far as those so far tell; what they were is kept
            with the policy.
        fitness: What an episode counts for in selection: its return, or its return_per_step.
        alive_bonus: What the world pays for every step survived, to be taken off what selection sees; scores keep it.
        action_noise: Standard deviation of normal noise on the outputs that become the actions of a box, in training alone.
        first_cap: After how many steps the first generation's training episodes end; the later ones' after twice the mean
            length of the last ones, from here to max_steps. None for max_steps from the beginning.
        cap_generations: Over how many generations that cap grows to max_steps instead, evenly, whatever the episodes' lengths.
        candidates: How many individuals a generation puts up for champion and elite; with twice the number of elites, the
            elites so far are among them.
        validation_episodes: Episodes a candidate is confirmed on, the same ones all along; 0 trusts the fitness that it had
            in its generation, which is right where that is exact.
        validation_every: Confirm candidates every so many generations, and after the last one.
        test_episodes: Episodes that the reported score is the mean of; they are used for nothing else.
        engine: Where populations are measured: inline, in this process, in which a compiled world has threads; or in worker
            processes. Where nobody says (auto), worker processes for Gymnasium's worlds, where there is more than one core.
        workers: Worker processes, or threads of a compiled world, 0 for one a core. Their number never changes a result.
        eval_timeout: How long an episode may take in a worker process [s] before it is ended and counts as failed; None for
            twenty times the usual one, at least a minute.
        worker_memory: What a worker process may hold before another takes its place [MB]; None for its share of the machine.
        fresh_env: Build Gymnasium's world anew for every episode, for one whose reset leaves something of the last one.
        genetic: Settings of the genetic algorithm.
    """

    seed: int = 0
    world: Literal["compiled", "gymnasium", "python"] = "gymnasium"
    env_kwargs: tuple[str, ...] = ()
    algorithm: str = GENETIC
    restarts: str = NO_RESTARTS
    network: str = "mlp"
    hidden: tuple[int, ...] = (16,)
    activation: str = ANY_ACTIVATION
    output_activation: str = "identity"
    biases: bool = True
    initialiser: Initialiser = "normal"
    action_rule: str = AUTO
    population: int = 64
    generations: int = 200
    episodes: int = 3
    max_steps: int = 1000
    target: float | None = None
    max_env_steps: int | None = None
    max_seconds: float | None = None
    normalise: bool = False
    fitness: Kind = "return"
    alive_bonus: float = 0.0
    action_noise: float = 0.0
    first_cap: int | None = None
    cap_generations: int | None = None
    candidates: int = 1
    validation_episodes: int = 30
    validation_every: int = 1
    test_episodes: int = 100
    engine: str = "auto"
    workers: int = 0
    eval_timeout: float | None = None
    worker_memory: float | None = None
    fresh_env: bool = False
    genetic: GeneticConfig = field(default_factory=GeneticConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot run, naming the setting, what came and what is possible."""
        object.__setattr__(self, "env_kwargs", as_text(self.env_kwargs))
        _take_types(self)
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"seed: expected a whole number from 0 to 2**63 - 1, got {shown(self.seed)}")
        object.__setattr__(self, "algorithm", canonical_algorithm(self.algorithm))
        object.__setattr__(self, "restarts", canonical_restarts(self.restarts))
        _check_counts(self)
        _check_network(self)
        _check_numbers(self)
        _known("engine", self.engine, ENGINES)
        _known("action_rule", self.action_rule, (AUTO, *ACTION_RULES))


def _check_counts(config: Config) -> None:
    for name in ("generations", "episodes", "max_steps", "candidates", "validation_every", "test_episodes"):
        check_count(name, getattr(config, name), at_least=1)
    check_count("validation_episodes", config.validation_episodes, at_least=0)
    fewest = config.genetic.num_elites + 1 if config.algorithm == GENETIC else 2
    check_count("population", config.population, at_least=fewest)
    check_count("workers", config.workers, at_least=0, at_most=MAX_WORKERS)
    for name in ("first_cap", "cap_generations"):
        if getattr(config, name) is not None:
            check_count(name, getattr(config, name), at_least=1)
    if config.cap_generations is not None and config.first_cap is None:
        raise UsageError("cap_generations: expected first_cap besides, the cap that grows, got none")


def _check_network(config: Config) -> None:
    _known("network", config.network, NETWORKS)
    if len(config.hidden) > MAX_HIDDEN:
        raise UsageError(f"hidden: expected at most {MAX_HIDDEN} layers, got {len(config.hidden):,}")
    if any(not 1 <= size <= MAX_NEURONS for size in config.hidden):
        raise UsageError(f"hidden: expected sizes from 1 to {MAX_NEURONS:,}, got {shown(config.hidden)}")
    _known("activation", config.activation, (ANY_ACTIVATION, *ACTIVATIONS))
    _known("output_activation", config.output_activation, ACTIVATIONS)


def _check_numbers(config: Config) -> None:
    if config.target is not None and not math.isfinite(config.target):
        raise UsageError(f"target: expected a finite number, got {config.target}")
    if not math.isfinite(config.alive_bonus):
        raise UsageError(f"alive_bonus: expected a finite number, got {config.alive_bonus}")
    if not 0 <= config.action_noise <= MAX_NOISE:
        raise UsageError(f"action_noise: expected a number from 0 to {MAX_NOISE:g}, got {config.action_noise}")
    for name in ("max_env_steps", "max_seconds", "eval_timeout", "worker_memory"):
        if getattr(config, name) is not None:
            _positive(name, getattr(config, name))


Config.__doc__ = (Config.__doc__ or "").replace("a name of ALGORITHMS", "one of " + ", ".join(sorted({*TABLE} - {GENETIC})))


def to_toml(env: str, config: Config) -> str:
    """Return a world's id and settings as the text of a TOML file."""
    return tomli_w.dumps({"env": env, **_plain(dataclasses.asdict(config))})


def read_toml(text: str, source: str) -> dict[str, Any]:
    """Return the settings in the text of a TOML file.

    Raises:
        UsageError: The text is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as problem:  # also a number of more digits than Python reads
        raise UsageError(f"{source}: not a TOML file: {problem}") from None
    except RecursionError:
        raise UsageError(f"{source}: not a TOML file of settings: its values are nested too deep") from None


def merge(config: T, settings: Mapping[str, Any], source: str, prefix: str = "") -> T:
    """Return `config` with `settings` in place of its own.

    Args:
        config: A record of settings.
        settings: Values by field name; a nested record is a mapping.
        source: What to call the settings in an error.
        prefix: Of the names in an error.

    Raises:
        UsageError: A name is unknown (the nearest is suggested), or a value has the wrong type or is out of range.

    Examples:
        >>> merge(Config(), {"hidden": [8, 8]}, "file").hidden
        (8, 8)
    """
    types = _types(type(config))
    changes: dict[str, Any] = {}
    for name, value in settings.items():
        label = f"{prefix}{name}"
        if name not in types:
            raise UsageError(f"{source}: unknown setting {shown(label)}{_belongs(name, config) or _nearest(name, types)}")
        old = getattr(config, name)
        if name == "env_kwargs":
            changes[name] = _as_env_kwargs(value, source)
        elif dataclasses.is_dataclass(old) and isinstance(value, Mapping):
            changes[name] = merge(old, value, source, f"{label}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            changes[name] = _typed(value, types[name], f"{source}: {label}")
    return cast("T", dataclasses.replace(cast("Any", config), **changes))


def _as_env_kwargs(value: Any, source: str) -> tuple[str, ...]:
    try:
        return as_text(value)
    except UsageError as problem:
        raise UsageError(f"{source}: {problem}") from None


def _belongs(name: str, config: object) -> str:
    """Return a hint that the setting is one of a record within, if it is."""
    for field_name in _types(type(config)):
        inner = getattr(config, field_name)
        if dataclasses.is_dataclass(inner) and name in _types(type(inner)):  # pyright: ignore[reportArgumentType]
            return f"; it belongs to {field_name}: {field_name}={{{name!r}: ...}}, in a file [{field_name}]"
    return ""


def _take_types(record: object, prefix: str = "") -> None:
    """Give every field of a record the type that it is declared with, or refuse its value."""
    for name, kind in _types(type(record)).items():
        object.__setattr__(record, name, _typed(getattr(record, name), kind, f"{prefix}{name}"))


@functools.cache
def _types(record: type[Any]) -> dict[str, Any]:
    return get_type_hints(record)


def _typed(value: Any, kind: Any, label: str) -> Any:
    if get_origin(kind) is UnionType:
        return None if value is None or (isinstance(value, str) and value == NONE) else _typed(value, get_args(kind)[0], label)
    if get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return tuple(_typed(item, get_args(kind)[0], label) for item in items)
    if get_origin(kind) is Literal:
        return _known(label, value, get_args(kind))
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return merge(cast("Any", kind)(), value, label)  # pyright: ignore[reportUnknownArgumentType]
    if kind in {int, float} and _is_number(value, kind):
        return kind(value)
    if not isinstance(kind, type) or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = getattr(kind, "__name__", str(kind))
        if dataclasses.is_dataclass(kind):
            first = dataclasses.fields(kind)[0]
            expected = f"settings by name, such as {{{first.name!r}: {first.default!r}}}"
        raise UsageError(f"{label}: expected {expected}, got {shown(value)}")
    return value  # pyright: ignore[reportUnknownVariableType]


def _is_number(value: Any, kind: type[int | float]) -> bool:
    """Return whether a number, NumPy's own included, is one of a kind to the bit."""
    if isinstance(value, float | np.floating):
        return kind is float
    return not isinstance(value, bool) and isinstance(value, Integral) and (kind is int or abs(int(value)) <= MAX_EXACT)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, tuple):
        return list(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return NONE if value is None else value


def _known(name: str, value: Any, known: Any) -> Any:
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{name}: {shown(value)} is unknown{_nearest(value, known)}; known: {', '.join(known)}")
    return value


def check_count(name: str, value: int, *, at_least: int, at_most: int = MAX_COUNT) -> None:
    """Refuse a count that is out of range.

    Raises:
        UsageError: It is; the message names the setting, the bound and the value.
    """
    if value < at_least:
        raise UsageError(f"{name}: expected at least {at_least}, got {shown(value)}")
    if value > at_most:
        raise UsageError(f"{name}: expected at most {at_most:,}, got {shown(value)}")


def _positive(name: str, value: float, at_most: float = MAX_LIMIT) -> None:
    if not 0 < value <= at_most:
        raise UsageError(f"{name}: expected a positive number, at most {at_most:g}, got {shown(value)}")


def _nearest(value: Any, known: Any) -> str:
    return did_you_mean(value, known) if isinstance(value, str) and len(value) <= LONGEST_SHOWN else ""
