"""One generation of CMA-ES, a number at a time, as the tutorial's table 1 and figure 6 have it; step by step, nothing kept.

The covariance is given whole, and its inverse root is taken anew; the weights are those of `weights`.
"""

import math

import numpy as np


def constants(count, n):
    """Return the tutorial's table 1, by its names, for `count` rows of `n` parameters."""
    raw = [math.log((count + 1) / 2) - math.log(i) for i in range(1, count + 1)]
    mu = count // 2
    mu_eff = sum(raw[:mu]) ** 2 / sum(w * w for w in raw[:mu])
    mu_eff_minus = sum(raw[mu:]) ** 2 / sum(w * w for w in raw[mu:])
    c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff))
    limit = min(1 + c_1 / c_mu, 1 + 2 * mu_eff_minus / (mu_eff + 2), (1 - c_1 - c_mu) / (n * c_mu))
    good, bad = sum(w for w in raw if w > 0), -sum(w for w in raw if w < 0)
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5)
    return {
        "weights": [w / good if w >= 0 else w * limit / bad for w in raw],
        "mu": mu,
        "mu_eff": mu_eff,
        "c_1": c_1,
        "c_mu": c_mu,
        "c_sigma": c_sigma,
        "d_sigma": 1 + 2 * max(0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,
        "c_c": (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n),
    }


def next_distribution(mean, sigma, covariance, paths, rows, generation, table=None):  # noqa: PLR0913, PLR0917 - a plain list
    """Return mean, sigma, covariance and the two paths after `rows`, best first, of generation 1, 2, ..."""
    n, c = len(mean), table or constants(len(rows), len(mean))
    values, vectors = np.linalg.eigh(covariance)
    inverse_root = vectors @ np.diag(values**-0.5) @ vectors.T
    steps = [(row - mean) / sigma for row in rows]
    w, mu_eff = c["weights"], c["mu_eff"]
    ahead = sum(w[i] * steps[i] for i in range(c["mu"]))
    path_sigma, path_c = paths
    path_sigma = (1 - c["c_sigma"]) * path_sigma + math.sqrt(c["c_sigma"] * (2 - c["c_sigma"]) * mu_eff) * inverse_root @ ahead
    length = math.sqrt(sum(path_sigma**2))
    usual = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    h = 1 if length / math.sqrt(1 - (1 - c["c_sigma"]) ** (2 * generation)) < (1.4 + 2 / (n + 1)) * usual else 0
    path_c = (1 - c["c_c"]) * path_c + h * math.sqrt(c["c_c"] * (2 - c["c_c"]) * mu_eff) * ahead
    new = (1 + c["c_1"] * (1 - h) * c["c_c"] * (2 - c["c_c"]) - c["c_1"] - c["c_mu"] * sum(w)) * covariance
    new = new + c["c_1"] * np.outer(path_c, path_c)
    for weight, step in zip(w, steps, strict=True):
        around = weight if weight >= 0 else weight * n / sum((inverse_root @ step) ** 2)
        new = new + c["c_mu"] * around * np.outer(step, step)
    return mean + sigma * ahead, sigma * math.exp(c["c_sigma"] / c["d_sigma"] * (length / usual - 1)), new, (path_sigma, path_c)
