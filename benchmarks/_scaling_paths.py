"""Part 4 of benchmarks/scaling.py: how many episodes are best run side by side, by world and size of the network."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from _harness import Bar, block, tell
from _scaling_job import Games, Part, evaluation, standing_rows

import evolvent as ev
from evolvent.policies.actions import num_outputs
from evolvent.tasks.rollout import lanes_for

WORLDS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1")
HIDDEN = ((8,), (16,), (64,), (32, 32), (48, 48), (512,), (64, 64), (128, 128))
LANES = (1, 4, 8, 16, 32)
QUICK_LANES = (1, 16)
POPULATION_SIZE, EPISODES = 64, 8
CAP = 200  # steps of an episode
BOUND = 0.8
RECTIFIED, CURVED = "relu", "tanh"


@dataclass(slots=True)
class Case:
    """A network in a world, and the useful steps per second in each round, by how many episodes run side by side."""

    env_id: str
    hidden: tuple[int, ...]
    activation: str
    lanes: tuple[int, ...]
    network: ev.MLP = field(init=False)
    speeds: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    _tasks: dict[int, ev.CompiledEnv] = field(init=False)
    _games: Games = field(init=False)

    def __post_init__(self) -> None:
        """Compile all rollouts, or find them compiled."""
        env = ev.ENVS[self.env_id]
        sizes = (env.spec.observation_space.width, *self.hidden, num_outputs(env.spec.action_space))
        self.network = ev.MLP(sizes=sizes, activation=self.activation, initialiser="fan_in")
        lanes = sorted({*self.lanes, self.chosen})
        self._tasks = {each: ev.CompiledEnv(env, self.network, lanes=each) for each in lanes}
        if self.env_id == "CartPole-v1":
            population = standing_rows(self.network, POPULATION_SIZE)
        else:
            population = self.network.initialise(POPULATION_SIZE, ev.stream(0, "initial"))
        self._games = Games(population, ev.stream(0, "episodes").bits((POPULATION_SIZE, EPISODES)))

    @property
    def chosen(self) -> int:
        """How many lanes it runs in where nobody says otherwise."""
        return lanes_for(self.network)

    def round(self, seconds: float) -> None:
        """Let each number of lanes play the same episodes on one thread."""
        for lanes, task in self._tasks.items():
            steps, elapsed = block(evaluation(task, self._games, CAP), seconds)
            self.speeds.setdefault(lanes, []).append(steps / elapsed)

    def medians(self) -> dict[int, float]:
        """Return the useful steps per second by number of lanes."""
        return {lanes: statistics.median(each) for lanes, each in self.speeds.items()}


def measure(rounds: int, seconds: float, *, quick: bool) -> Part:
    """Return the useful steps per second of each world and network, by how many episodes run side by side."""
    cases: list[Case] = []
    lanes = QUICK_LANES if quick else LANES
    for env_id in WORLDS[:1] if quick else WORLDS:
        cases += [Case(env_id, hidden, RECTIFIED, lanes) for hidden in (HIDDEN[1:2] if quick else HIDDEN)]
        tell(f"paths: compiled {env_id}")
    curved = Case(WORLDS[0], HIDDEN[1], CURVED, lanes)
    for number in range(rounds):
        for case in (*cases, curved):
            case.round(seconds)
        tell(f"paths: round {number + 1} of {rounds}")
    return part(cases, curved, lanes, quick=quick)


def part(cases: list[Case], curved: Case, lanes: tuple[int, ...], *, quick: bool) -> Part:
    """Return the table, ratios and claims; short turns are held to nothing."""
    rows, ratios = [], {}
    for case in (*cases, curved):
        speeds = case.medians()
        share = speeds[case.chosen] / max(speeds.values())
        name = f"{case.env_id}, {case.activation}"
        columns = [speeds[each] / 1e6 for each in lanes]
        rows.append((name, "-".join(map(str, case.network.sizes)), case.network.dim, *columns, case.chosen, share))
        ratios[f"chosen_{case.env_id}_{case.activation}_{case.network.dim}"] = share
    straight = next(each for each in cases if each.network.sizes == curved.network.sizes)
    bars = {} if quick else {name: Bar(value=share, bound=BOUND, unit=" of the fastest") for name, share in ratios.items()}
    ratios["tanh_over_relu"] = curved.medians()[curved.chosen] / straight.medians()[straight.chosen]
    return Part(
        headings=("world", "network", "parameters", *(_path(each) for each in lanes), "chosen", "of the fastest"),
        rows=rows,
        bars=bars,
        ratios=ratios,
        notes=[f"millions of useful steps per second on one thread; episodes of at most {CAP} steps"],
    )


def _path(lanes: int) -> str:
    return "alone" if lanes == 1 else f"{lanes} lanes"
