# pyright: reportMissingImports=false
"""How many evaluations do the authors' CMA-ES and another well-kept one need on functions that everyone knows?

`python benchmarks/peers/references.py` measures it and writes `benchmarks/results/references.json`, to which the tests hold
Evolvent's own. The packages go into an environment of their own below `.peers/`.
"""

from __future__ import annotations

import importlib.metadata
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORED = Path(__file__).resolve().parent.parent / "results" / "references.json"
TARGET, SIGMA, BUDGET = 1e-9, 0.5, 100_000
SEEDS = range(1, 22)
DIMS = (5, 10)

Values = NDArray[np.float64]


def sphere(rows: Values) -> Values:
    """Return the sum of squares of each row of `(n, dim)`."""
    return (rows**2).sum(axis=1)


def ellipsoid(rows: Values) -> Values:
    """Return the sum of squares, each parameter weighted: the last a million times as much as the first."""
    return (10 ** (6 * np.arange(rows.shape[1]) / (rows.shape[1] - 1)) * rows**2).sum(axis=1)


def rosenbrock(rows: Values) -> Values:
    """Return Rosenbrock's function, a bent valley."""
    return (100 * (rows[:, 1:] - rows[:, :-1] ** 2) ** 2 + (1 - rows[:, :-1]) ** 2).sum(axis=1)


FUNCTIONS: dict[str, tuple[Callable[[Values], Values], float]] = {  # and where every parameter begins
    "sphere": (sphere, 3.0),
    "ellipsoid": (ellipsoid, 3.0),
    "rosenbrock": (rosenbrock, 0.0),
}
SEPARABLE = ("sphere", "ellipsoid")


def population_size(dim: int) -> int:
    """Return the usual size of a population."""
    return 4 + int(3 * np.log(dim))


def by_cma(name: str, dim: int, seed: int) -> int:
    """Return the evaluations that pycma needs."""
    import cma  # noqa: PLC0415 - is there in the peers' environment only

    function, begin = FUNCTIONS[name]
    settings = {"seed": seed, "verbose": -9, "popsize": population_size(dim), "tolfun": 0, "tolx": 0, "tolfunhist": 0}
    search = cma.CMAEvolutionStrategy([begin] * dim, SIGMA, settings)
    return _spent(function, lambda: np.array(search.ask()), lambda rows, values: search.tell(list(rows), list(values)))


def by_cmaes(name: str, dim: int, seed: int, kind: str = "CMA") -> int:
    """Return the evaluations that cmaes needs."""
    import cmaes  # noqa: PLC0415 - as above

    function, begin = FUNCTIONS[name]
    search = getattr(cmaes, kind)(mean=np.full(dim, begin), sigma=SIGMA, seed=seed, population_size=population_size(dim))
    return _spent(
        function,
        lambda: np.array([search.ask() for _ in range(search.population_size)]),
        lambda rows, values: search.tell(list(zip(rows, values, strict=True))),
    )


def by_sep_cmaes(name: str, dim: int, seed: int) -> int:
    """Return the evaluations that the separable search of cmaes needs."""
    return by_cmaes(name, dim, seed, "SepCMA")


PEERS = {"cma": by_cma, "cmaes": by_cmaes, "cmaes_separable": by_sep_cmaes}


def cases(peer: str) -> list[tuple[str, int]]:
    """Return the functions and sizes that a peer is measured on."""
    names = SEPARABLE if peer == "cmaes_separable" else FUNCTIONS
    return [(name, dim) for name in names for dim in DIMS]


def measured() -> dict[str, Any]:
    """Return what the file holds."""
    evaluations = {
        peer: {f"{name} {dim}": sorted(search(name, dim, seed) for seed in SEEDS) for name, dim in cases(peer)}
        for peer, search in PEERS.items()
    }
    return {
        "benchmark": "references",
        "command": "python benchmarks/peers/references.py",
        "versions": {name: importlib.metadata.version(name) for name in ("cma", "cmaes", "numpy")},
        "target": TARGET,
        "sigma": SIGMA,
        "begin": {name: begin for name, (_, begin) in FUNCTIONS.items()},
        "medians": {
            peer: {case: statistics.median(each) for case, each in cases.items()} for peer, cases in evaluations.items()
        },
        "evaluations": evaluations,
    }


def _spent(function: Callable[[Values], Values], ask: Callable[[], Values], tell: Callable[[Values, Values], None]) -> int:
    spent = 0
    while spent < BUDGET:
        rows = ask()
        values = function(rows)
        spent += len(rows)
        if values.min() < TARGET:
            break
        tell(rows, values)
    return spent


def main() -> int:
    """Measure in the peers' environment, and print or write the result."""
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(measured()))
        return 0
    sys.path.insert(0, str(STORED.parents[2]))
    from benchmarks.peers._environments import python_of  # noqa: PLC0415 - the peers' environment does not have it

    said = subprocess.run([python_of("references"), __file__, "--here"], stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(said.stdout.splitlines()[-1])
    STORED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for peer, medians in result["medians"].items():
        print(peer, ", ".join(f"{case}: {median:,.0f}" for case, median in medians.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
