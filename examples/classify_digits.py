"""Learn handwritten digits by evolution, beside scikit-learn's logistic regression.

A network without hidden layers, which is the same model as logistic regression, is evolved by its cross-entropy. Of the two
thirds of the digits that are there to learn from, a quarter is set aside as validation data: by them the champion is chosen.
Logistic regression learns from both thirds. The last third is looked at once, at the end.

    $ pip install -e '.[examples]'
    $ python examples/classify_digits.py
    split 10: evolved 95.0%, logistic regression 96.7%, 22 s
    split 11: evolved 95.5%, logistic regression 96.5%, 21 s
    split 12: evolved 96.2%, logistic regression 96.5%, 17 s
    split 13: evolved 93.7%, logistic regression 95.7%, 15 s
    split 14: evolved 96.7%, logistic regression 96.3%, 20 s
    mean: evolved 95.4%, logistic regression 96.3%, difference -0.9 points
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import evolvent as ev

SPLITS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SETTINGS = {
    "selection": "truncation:num_parents=32",
    "crossover": "blend:alpha=0.2",
    "mutation": "gaussian:strength=0.05",
    "strength": "decaying:generations=500,final=0.1",
}


def third(inputs, labels, seed):
    """Return two thirds and the held-out third, standardised by what the two thirds tell."""
    seen, held, seen_labels, held_labels = train_test_split(inputs, labels, test_size=1 / 3, random_state=seed, stratify=labels)
    scaler = StandardScaler().fit(seen)
    return scaler.transform(seen), scaler.transform(held), seen_labels, held_labels


digits, labels = load_digits(return_X_y=True)
results = []
for seed in range(10, 10 + SPLITS):
    seen, held, seen_labels, held_labels = third(digits, labels, seed)
    theirs = LogisticRegression(max_iter=1000).fit(seen, seen_labels).score(held, held_labels)

    rows, rest, row_labels, rest_labels = train_test_split(seen, seen_labels, test_size=1 / 4, random_state=seed)
    problem = ev.Supervised(
        rows,
        row_labels,
        loss="cross_entropy",
        batch_size=300,
        validation=(rest, rest_labels),
        name="digits",
    )
    began = time.perf_counter()
    run = ev.evolve(
        problem,
        seed=seed,
        hidden=(),
        initialiser="fan_in",
        population=128,
        generations=500,
        genetic=SETTINGS,
        runs_dir=None,
    )
    ours = (run.best.act(held) == held_labels).mean()
    seconds = time.perf_counter() - began
    print(f"split {seed}: evolved {ours:.1%}, logistic regression {theirs:.1%}, {seconds:.0f} s", flush=True)
    results.append((ours, theirs))

ours, theirs = np.mean(results, axis=0)
print(f"mean: evolved {ours:.1%}, logistic regression {theirs:.1%}, difference {100 * (ours - theirs):+.1f} points")
