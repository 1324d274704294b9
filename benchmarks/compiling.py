"""How long does a world with a network that was never compiled keep a person waiting, and how long one that was?

Each figure is the time that `CompiledEnv(world, network)` takes in a new Python process, everything imported: with an empty
folder of kernels, and with the kernel of an earlier process. The chosen path alone is compiled: lanes, or one at a time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from _harness import Bar, Report, conclude, flags, tell

CODE = """
import json, sys, time
import evolvent as ev
from evolvent.policies.actions import num_outputs
from evolvent.tasks.rollout import lanes_for
world, hidden, activation = json.loads(sys.argv[1])
env = ev.make_env(world)
spec = env.spec
network = ev.MLP(sizes=(spec.observation_space.width, *hidden, num_outputs(spec.action_space)), activation=activation)
began, began_cpu = time.perf_counter(), time.process_time()
task = ev.CompiledEnv(env, network)
print(json.dumps([time.perf_counter() - began, time.process_time() - began_cpu, lanes_for(network)]))
task.close()
"""


class Combination(NamedTuple):
    """A world and a network that acts in it."""

    world: str
    hidden: tuple[int, ...]
    activation: str

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.world} {'-'.join(map(str, self.hidden))} {self.activation}"


class Waiting(NamedTuple):
    """How long one process took [s], of the clock and of the processor, and how many lanes its rollout has."""

    seconds: float
    processor: float
    lanes: int


COMBINATIONS = (
    Combination("CartPole-v1", (16,), "relu"),
    Combination("CartPole-v1", (32, 32), "tanh"),
    Combination("CartPole-v1", (256, 256), "tanh"),
    Combination("Acrobot-v1", (16,), "relu"),
    Combination("Acrobot-v1", (32, 32), "tanh"),
    Combination("MountainCar-v0", (16,), "relu"),
    Combination("MountainCarContinuous-v0", (16,), "relu"),
    Combination("Pendulum-v1", (32, 32), "tanh"),
)
QUICK = COMBINATIONS[:1]


def wait(combination: Combination, cache: Path) -> Waiting:
    """Return how long a new process waits for its rollout."""
    command = [sys.executable, "-c", CODE, json.dumps(combination)]
    environment = {**os.environ, "EVOLVENT_CACHE_DIR": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{combination}: {done.stderr}")
    return Waiting(*json.loads(done.stdout))


def measure(combination: Combination, times: int, root: Path) -> tuple[list[Waiting], list[Waiting]]:
    """Return the waitings for a rollout that is compiled, and for one that is found, `times` each."""
    compiled: list[Waiting] = []
    found: list[Waiting] = []
    for _ in range(times):
        cache = Path(tempfile.mkdtemp(dir=root))
        compiled.append(wait(combination, cache))
        found.append(wait(combination, cache))
    return compiled, found


def report(waitings: dict[str, tuple[list[Waiting], list[Waiting]]]) -> Report:
    """Return the rows and bars of all combinations."""

    def medians(of: int) -> dict[str, float]:
        return {name: statistics.median(each.seconds for each in both[of]) for name, both in waitings.items()}

    compiled, found = medians(0), medians(1)
    return Report(
        name="compiling",
        headings=("world and network", "lanes", "compiled [s]", "of the processor [s]", "found [s]"),
        rows=[
            (name, both[0][0].lanes, compiled[name], statistics.median(each.processor for each in both[0]), found[name])
            for name, both in waitings.items()
        ],
        bars={
            "slowest_compiled": Bar(value=max(compiled.values()), bound=5, unit=" s", at_least=False),
            "slowest_found": Bar(value=max(found.values()), bound=0.5, unit=" s", at_least=False),
        },
        details={
            "ratios": {name: compiled[name] / found[name] for name in waitings},
            "compiled": compiled,
            "found": found,
        },
        notes=["medians; what is imported is not counted: benchmarks/startup.py has whole commands"],
    )


def main() -> int:
    """Measure and return the exit code."""
    parser = flags(__doc__)
    parser.add_argument("--times", type=int, help="processes of each kind (3, quick 1)")
    options = parser.parse_args()
    times = options.times or (1 if options.quick else 3)
    waitings: dict[str, tuple[list[Waiting], list[Waiting]]] = {}
    with tempfile.TemporaryDirectory() as root:
        for combination in QUICK if options.quick else COMBINATIONS:
            waitings[str(combination)] = measure(combination, times, Path(root))
            tell(f"{combination}: {waitings[str(combination)][0][-1].seconds:.2f} s")
        return conclude(report(waitings), options)


if __name__ == "__main__":
    sys.exit(main())
