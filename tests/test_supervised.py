"""Networks measured on data: each objective against a slow twin, each refusal, and whole runs."""

import logging
import math
import sys
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed, UsageError
from evolvent.evaluation import Conditions, best_first
from evolvent.networks import MLP
from evolvent.seeding import stream
from evolvent.spaces import Discrete
from evolvent.tasks import objectives
from tests.reference import mlp
from tests.reference import objectives as slow

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR_LABELS = [0, 1, 1, 0]
LARGEST = float(np.finfo(np.float32).max)
SMALL: Any = {
    "population": 12,
    "generations": 8,
    "hidden": (3,),
    "genetic": {"selection": "truncation:num_parents=4", "num_elites": 2},
}


def cases(elements, most_classes=5):
    """Give outputs `(n, classes)` and labels `(n,)`."""
    sizes = st.tuples(st.integers(1, 12), st.integers(2, most_classes))
    return sizes.flatmap(
        lambda size: st.tuples(
            arrays.arrays(np.float32, size, elements=elements),
            arrays.arrays(np.int64, size[0], elements=st.integers(0, size[1] - 1)),
        )
    )


FINITE = st.floats(-LARGEST, LARGEST, width=32)
FEW = st.sampled_from([-1.0, 0.0, -0.0, 1.0, LARGEST, -LARGEST])  # many ties, and the ends


@pytest.fixture
def opened():
    """Give a function that hands back a task, to be closed when the test is over."""
    with ExitStack() as stack:
        yield lambda task: stack.enter_context(closing(task))


def conditions(pop, episodes=1, address="episodes"):
    return Conditions(seeds=np.tile(stream(0, address).bits((1, episodes)), (pop, 1)))


def population_of(network, count=6):
    return network.initialise(count, stream(1, "first"))


def data(rows=30, classes=3, features=4):
    draws = stream(2, "data")
    inputs = draws.child("inputs").normal((rows, features))
    return inputs, np.arange(rows) % classes


def same(one, other):
    return all(getattr(one, part).tobytes() == getattr(other, part).tobytes() for part in ("fitness", "returns", "steps"))


def errors_of(caplog):
    return [record for record in caplog.records if record.levelno == logging.ERROR]


# --- objectives ---


@settings(max_examples=150, deadline=None)
@given(cases(FINITE | FEW | st.floats(-30, 30, width=32)))
def test_cross_entropy_is_its_twin(case):
    outputs, labels = case
    assert objectives.minus_cross_entropy(outputs, labels) == pytest.approx(-slow.cross_entropy(outputs, labels), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(cases(FINITE | FEW))
def test_accuracy_and_f1_are_their_twins(case):
    outputs, labels = case
    assert objectives.accuracy(outputs, labels) == slow.accuracy(outputs, labels)
    assert objectives.f1(outputs, labels) == pytest.approx(slow.f1(outputs, labels), abs=1e-15)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 8), st.integers(1, 4)).flatmap(
        lambda size: st.tuples(
            arrays.arrays(np.float32, size, elements=FINITE | FEW),
            arrays.arrays(np.float64, size, elements=st.floats(-1e100, 1e100) | FEW),
        )
    )
)
def test_the_squared_error_is_its_twin(case):
    outputs, targets = case
    assert objectives.minus_mean_squared_error(outputs, targets) == pytest.approx(
        -slow.mean_squared_error(outputs, targets), rel=1e-12, abs=5e-324
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_one_hot_rows_are_labels(labels):
    one_hot = np.eye(5)[labels]
    assert objectives.labels_of(one_hot).tolist() == slow.labels_of(one_hot) == labels
    inputs = np.ones((len(labels), 2))
    for written in (one_hot, one_hot.astype(bool), one_hot.astype(np.int8)):
        problem = ev.Supervised(inputs, written, loss="cross_entropy")
        assert problem.targets.tolist() == labels
        assert problem.targets.dtype == np.int64
        assert problem.classes == 5


def test_objectives_of_extreme_outputs_are_finite_or_fail():
    outputs = np.array([[LARGEST, -LARGEST], [-LARGEST, LARGEST]], np.float32)
    assert objectives.minus_cross_entropy(outputs, np.array([0, 1])) == 0.0
    assert objectives.minus_cross_entropy(outputs, np.array([1, 0])) == -2 * LARGEST
    assert objectives.minus_mean_squared_error(outputs, np.full((2, 2), 1e200)) == -math.inf


def test_f1_by_hand():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    outputs = np.array([[0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    assert objectives.f1(outputs, labels) == pytest.approx(2 / 3)
    never = np.tile(np.array([1, 0], np.float32), (8, 1))
    assert objectives.f1(never, labels) == 0.0
    three = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    assert objectives.f1(three, np.array([0, 0, 1, 1])) == pytest.approx(2 / 3)  # the third is neither there nor told


# --- the data ---


@pytest.mark.parametrize(
    ("targets", "kept"),
    [
        ([0, 1, 1, 0], np.int64),
        ([0.0, 1.0, 1.0, 0.0], np.int64),
        ([[0], [1], [1], [0]], np.int64),
        ([False, True, True, False], np.int64),
        (np.array([0, 1, 1, 0], np.uint8), np.int64),
    ],
)
def test_labels_may_be_written_in_many_ways(targets, kept):
    problem = ev.Supervised(XOR, targets, metric="f1")
    assert problem.targets.tolist() == XOR_LABELS
    assert (problem.targets.dtype, problem.classes, problem.spec.action_space) == (kept, 2, Discrete(n=2))


def test_numbers_are_met_by_the_outputs_themselves():
    problem = ev.Supervised(XOR, XOR_LABELS, loss="mean_squared_error")
    assert (problem.targets.shape, problem.targets.dtype, problem.classes) == ((4, 1), np.float64, None)
    wide = ev.Supervised(XOR, np.ones((4, 3)), loss="mean_squared_error")
    assert wide.spec.action_space.size == 3


def test_a_metric_of_ones_own_takes_labels_where_they_are_whole_numbers_and_numbers_else():
    assert ev.Supervised(XOR, XOR_LABELS, metric=lambda *_: 0.0).classes == 2
    assert ev.Supervised(XOR, [0.0, 1.0, 1.0, 0.0], metric=lambda *_: 0.0).classes is None
    assert ev.Supervised(XOR, np.eye(4, dtype=int), metric=lambda *_: 0.0).targets.shape == (4, 4)


def test_one_label_alone_still_needs_two_outputs():
    problem = ev.Supervised(XOR, [0, 0, 0, 0], loss="cross_entropy")
    assert problem.spec.action_space == Discrete(n=2)


def test_a_class_that_has_no_row_keeps_its_output():
    problem = ev.Supervised(XOR, np.eye(3)[[0, 1, 1, 0]], loss="cross_entropy")
    assert problem.classes == 3
    assert problem.spec.action_space == Discrete(n=3)


def test_the_data_are_copied():
    inputs, targets = XOR.astype(np.float64), np.array(XOR_LABELS)
    problem = ev.Supervised(inputs, targets, loss="cross_entropy", validation=(inputs, targets))
    inputs[:], targets[:] = 7, 1
    assert problem.inputs.tolist() == XOR.tolist()
    assert problem.targets.tolist() == XOR_LABELS
    assert problem.validation is not None
    assert [part.tolist() for part in problem.validation] == [XOR.tolist(), XOR_LABELS]
    assert problem.settings()["validation_episodes"] == 1


LABELS = r"expected labels 0, 1, ... below 1,000,000; others become such by numpy.unique(targets, return_inverse=True)[1]"
REFUSED = [
    ({}, "expected one of loss=... and metric=..., got neither"),
    ({"loss": "cross_entropy", "metric": "f1"}, "expected one of loss=... and metric=..., got both"),
    (
        {"loss": "cros_entropy"},
        "loss: 'cros_entropy' is unknown; did you mean \"cross_entropy\"?; known: cross_entropy, mean_squared_error",
    ),
    ({"loss": "accuracy"}, "loss: 'accuracy' is unknown; it is a metric; known: cross_entropy, mean_squared_error"),
    ({"metric": "cross_entropy"}, "metric: 'cross_entropy' is unknown; it is a loss; known: accuracy, f1"),
    ({"metric": 3}, "metric: 3 is unknown; known: accuracy, f1"),
    ({"metric": ["f1"]}, "metric: ['f1'] is unknown; known: accuracy, f1"),
    ({"metric": "f1", "inputs": [[0, "a"]] * 4}, "inputs: expected finite numbers, got an array of <U21"),
    (
        {"metric": "f1", "inputs": [[0], [1, 2]]},
        "inputs: expected an array of numbers: setting an array element with a sequence",
    ),
    (
        {"metric": "f1", "inputs": np.array([[0, math.nan]] * 4)},
        "inputs: expected finite numbers, got an array of float64 with NaN or infinity in it",
    ),
    ({"metric": "f1", "inputs": [[1j]] * 4}, "inputs: expected finite numbers, got an array of complex128"),
    ({"metric": "f1", "inputs": [[10**400]] * 4}, "inputs: expected finite numbers, got an array of object"),
    (
        {"metric": "f1", "inputs": [0, 1, 2, 3]},
        "inputs: expected rows of numbers, (n, features), or sequences of them, (n, time, features), got shape (4,)",
    ),
    (
        {"metric": "f1", "inputs": np.zeros((4, 0))},
        "inputs: expected rows of numbers, (n, features), or sequences of them, (n, time, features), got shape (4, 0)",
    ),
    ({"metric": "f1", "targets": [0, 1, 1]}, "targets: expected one for each of 4 rows, got shape (3,)"),
    ({"metric": "f1", "targets": 3}, "targets: expected one for each of 4 rows, got shape ()"),
    ({"metric": "f1", "targets": np.zeros((4, 1, 1))}, "targets: expected one for each of 4 rows, got shape (4, 1, 1)"),
    ({"loss": "mean_squared_error", "targets": np.zeros((4, 0))}, "targets: expected one for each of 4 rows, got shape (4, 0)"),
    ({"metric": "f1", "targets": [0, 1, 1, math.inf]}, "targets: expected finite numbers, got an array of float64 with NaN"),
    ({"metric": "f1", "targets": [0, 1, 1, -1]}, f"targets: {LABELS}"),
    ({"metric": "f1", "targets": [0, 1, 1, 0.5]}, f"targets: {LABELS}"),
    ({"metric": "f1", "targets": [0, 1, 1, 10**12]}, f"targets: {LABELS}"),
    ({"metric": "f1", "targets": [0, 1, 1, 1e300]}, f"targets: {LABELS}"),
    ({"metric": "f1", "targets": np.array([0, 1, 1, 2**63], np.uint64)}, f"targets: {LABELS}"),
    (
        {"metric": len, "targets": [0, 1, 1, -1]},
        f"targets: {LABELS}; numbers that are no labels are given as floats",
    ),
    ({"metric": "f1", "targets": [[1, 1]] * 4}, "targets: expected labels (n,), or one-hot rows with one 1 each"),
    ({"metric": "f1", "targets": [[0, 0]] * 4}, "targets: expected labels (n,), or one-hot rows with one 1 each"),
    ({"metric": "f1", "targets": [[0.5, 0.5]] * 4}, "targets: expected labels (n,), or one-hot rows with one 1 each"),
    ({"metric": "f1", "batch_size": 0}, "batch_size: expected a whole number from 1 to 4, that of the rows, got 0"),
    ({"metric": "f1", "batch_size": 5}, "batch_size: expected a whole number from 1 to 4, that of the rows, got 5"),
    ({"metric": "f1", "batch_size": 2.0}, "batch_size: expected a whole number from 1 to 4, that of the rows, got 2.0"),
    ({"metric": "f1", "batch_size": "2"}, "batch_size: expected a whole number from 1 to 4, that of the rows, got '2'"),
    ({"metric": "f1", "validation": 3}, "validation: expected a pair (inputs, targets), got a int"),
    ({"metric": "f1", "validation": (XOR,)}, "validation: expected a pair (inputs, targets), got a tuple of 1"),
    (
        {"metric": "f1", "validation": ([[1, 2, 3]], [0])},
        "validation: expected inputs and targets like the data, (n, 2) and int64 ('n',), got (1, 3) and int64 (1,)",
    ),
    (
        {"loss": "mean_squared_error", "validation": ([[1, 2]], [[0, 1]])},
        "validation: expected inputs and targets like the data, (n, 2) and float64 ('n', 1), got (1, 2) and float64 (1, 2)",
    ),
    (
        {"metric": len, "validation": ([[1, 2]], [0.5])},
        "validation: expected inputs and targets like the data, (n, 2) and int64 ('n',), got (1, 2) and float64 (1, 1)",
    ),
    ({"metric": "f1", "validation": ([[1, 2]], [2])}, "validation: the label 2 is not among the data's classes 0 to 1"),
    ({"metric": "f1", "validation": ([[1, 2]], [-1])}, f"validation targets: {LABELS}"),
    ({"metric": "f1", "validation": ([[1, math.nan]], [1])}, "validation inputs: expected finite numbers"),
    ({"metric": "f1", "name": ""}, "name: expected a word or more, without a colon, got ''"),
    ({"metric": "f1", "name": "module:id"}, "name: expected a word or more, without a colon, got 'module:id'"),
    ({"metric": "f1", "name": 3}, "name: expected a word or more, without a colon, got 3"),
]


@pytest.mark.parametrize(("told", "message"), REFUSED)
def test_what_cannot_be_learnt_is_refused_in_words(told, message):
    arguments: Any = {"inputs": XOR, "targets": XOR_LABELS, **told}
    with pytest.raises(UsageError) as caught:
        ev.Supervised(arguments.pop("inputs"), arguments.pop("targets"), **arguments)
    assert str(caught.value).startswith(message)


# --- the task ---


def test_a_network_is_measured_as_its_text_says(opened):
    inputs, labels = data()
    problem = ev.Supervised(inputs, labels, loss="cross_entropy")
    network = MLP(sizes=(4, 5, 3), activation="tanh")
    population = population_of(network)
    evaluation = opened(problem.task(network)).evaluate(population, conditions(6, 2))
    for row, returns in zip(population, evaluation.returns, strict=True):
        outputs = np.array([mlp.forward(network, row.astype(np.float64), each) for each in inputs])
        assert returns.tolist() == pytest.approx([-slow.cross_entropy(outputs, labels)] * 2, rel=1e-5)
    assert evaluation.steps.tolist() == [[30, 0]] * 6
    assert not evaluation.failed.any()


def test_a_regression_is_measured_by_its_outputs(opened):
    inputs, _ = data()
    aims = np.stack([inputs[:, 0] * 2, -inputs[:, 1]], axis=1)
    network = MLP(sizes=(4, 2))
    perfect = np.zeros((1, network.dim), np.float32)
    views = network.named_views(perfect[0])
    [weights] = [view for view in views.values() if view.ndim == 2]
    weights[0, 0], weights[1, 1] = 2, -1
    task = opened(ev.Supervised(inputs, aims, loss="mean_squared_error").task(network))
    assert task.evaluate(perfect, conditions(1)).fitness[0] == pytest.approx(0, abs=1e-12)
    assert task.evaluate(np.zeros_like(perfect), conditions(1)).fitness[0] == pytest.approx(-(aims**2).mean())


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("threads", [2, 4])
def test_the_number_of_threads_changes_no_bit(opened, threads, batch_size):
    inputs, labels = data()
    problem = ev.Supervised(inputs, labels, loss="cross_entropy", batch_size=batch_size)
    network = MLP(sizes=(4, 3, 3))
    population = population_of(network, 40)
    population[7] = np.nan
    alone = opened(problem.task(network)).evaluate(population, conditions(40, 3))
    shared = opened(problem.task(network, threads=threads))
    for _ in range(3):
        assert same(alone, shared.evaluate(population, conditions(40, 3)))
    assert alone.failed.tolist() == [index == 7 for index in range(40)]


def test_a_row_is_measured_as_if_it_were_alone(opened):
    inputs, labels = data()
    network = MLP(sizes=(4, 3))
    task = opened(ev.Supervised(inputs, labels, metric="accuracy", batch_size=5).task(network, threads=2))
    population, asked = population_of(network), Conditions(seeds=stream(0, "each").bits((6, 3)))
    whole = task.evaluate(population, asked)
    for i in range(6):
        alone = task.evaluate(population[i : i + 1], Conditions(seeds=asked.seeds[i : i + 1]))
        assert alone.returns.tolist() == whole.returns[i : i + 1].tolist()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_parameters_that_are_not_finite_fail_and_rank_last(opened, bad):
    inputs, labels = data()
    network = MLP(sizes=(4, 3))
    task = opened(ev.Supervised(inputs, labels, loss="cross_entropy").task(network))
    population = population_of(network, 3)
    population[1] = bad
    evaluation = task.evaluate(population, conditions(3))
    assert evaluation.failed.tolist() == [False, True, False]
    assert best_first(evaluation)[2] == 1


def test_the_judge_sees_the_validation_data_and_all_of_them(opened):
    inputs, labels = data()
    network = MLP(sizes=(4, 3))
    row = population_of(network, 1)
    held = (inputs[:6], labels[:6])
    with_held = ev.Supervised(inputs[6:], labels[6:], metric="accuracy", batch_size=4, validation=held)
    judged = opened(with_held.judge(network)).evaluate(row, conditions(1))
    alone = opened(ev.Supervised(*held, metric="accuracy").task(network)).evaluate(row, conditions(1))
    assert same(judged, alone)
    without = ev.Supervised(inputs, labels, metric="accuracy", batch_size=4)
    assert opened(without.judge(network)).evaluate(row, conditions(1)).steps.tolist() == [[30]]


def test_shapes_that_do_not_fit_are_refused(opened):
    problem = ev.Supervised(*data(), loss="cross_entropy")
    network = MLP(sizes=(4, 3))
    population = population_of(network)
    task = opened(problem.task(network))
    with pytest.raises(UsageError, match=r"^population: expected rows of 15 parameters, got an array of shape \(6, 14\)$"):
        task.evaluate(population[:, :-1], conditions(6))
    with pytest.raises(UsageError, match=r"^seeds: expected a row for each of 6 individuals, got shape \(5, 1\)$"):
        task.evaluate(population, conditions(5))
    with pytest.raises(UsageError, match=r"^network: 5 inputs do not fit observations of shape \(4,\)$"):
        problem.task(MLP(sizes=(5, 3)))
    with pytest.raises(UsageError, match=r"^network: 2 outputs do not fit the action space Discrete\(3\)$"):
        problem.judge(MLP(sizes=(4, 2)))
    with pytest.raises(UsageError, match=r"^threads: expected at least 1, got 0$"):
        problem.task(network, threads=0)


# --- batches ---


def batches_seen(opened, batch_size, asked, pop=3, threads=1, rows=20):
    """Give the batch of each call as the row numbers that it was made of, by individual and episode."""
    seen = []

    def watch(_outputs, targets):
        seen.append(tuple(targets[:, 0].astype(int)))
        return float(targets.sum())

    numbered = np.arange(rows, dtype=np.float64)
    problem = ev.Supervised(numbered[:, np.newaxis], numbered, metric=watch, batch_size=batch_size)
    network = MLP(sizes=(1, 1))
    evaluation = opened(problem.task(network, threads=threads)).evaluate(population_of(network, pop), asked)
    return seen, evaluation


@pytest.mark.parametrize("batch_size", [1, 7, 19])
def test_a_batch_is_drawn_without_replacement(opened, batch_size):
    seen, evaluation = batches_seen(opened, batch_size, conditions(1, 200), pop=1)
    assert all(len(set(batch)) == len(batch) == batch_size for batch in seen)
    assert (evaluation.steps == batch_size).all()
    counts = np.bincount(np.concatenate(seen), minlength=20)
    expected = 200 * batch_size / 20
    assert (np.abs(counts - expected) < 6 * math.sqrt(expected)).all()
    assert len(set(seen)) > 15


def test_a_batch_depends_on_the_seed_alone_and_is_the_same_for_all(opened):
    asked = conditions(3, 4)
    seen, evaluation = batches_seen(opened, 5, asked)
    assert seen[:4] == seen[4:8] == seen[8:]
    assert len(set(seen[:4])) == 4
    assert (evaluation.returns == evaluation.returns[0]).all()
    again, _ = batches_seen(opened, 5, Conditions(seeds=asked.seeds[:1, ::-1]), pop=1)
    assert again == seen[:4][::-1]
    others, _ = batches_seen(opened, 5, conditions(1, 4, "others"), pop=1)
    assert not set(others) & set(seen)


def test_batches_are_those_of_their_streams(opened):
    asked = conditions(1, 3)
    seen, _ = batches_seen(opened, 6, asked, pop=1)
    for seed, batch in zip(asked.seeds[0], seen, strict=True):
        drawn = stream(int(seed) // 2, "batch").uniform((20,)).tolist()
        assert batch == tuple(sorted(sorted(range(20), key=drawn.__getitem__)[:6]))


def test_the_largest_seed_makes_a_batch_too(opened):
    ends = np.array([[0, 2**64 - 1]], np.uint64)
    seen, _ = batches_seen(opened, 3, Conditions(seeds=ends), pop=1)
    assert [len(batch) for batch in seen] == [3, 3]


def test_a_batch_of_all_rows_is_no_batch():
    problem = ev.Supervised(XOR, XOR_LABELS, metric="f1", batch_size=4)
    assert problem.batch_size is None
    assert problem.settings() == {"episodes": 1, "validation_episodes": 0, "test_episodes": 1, "max_steps": 1}
    three: Any = np.int64(3)
    drawn = ev.Supervised(XOR, XOR_LABELS, metric="f1", batch_size=three)
    assert (type(drawn.batch_size), drawn.settings()["validation_episodes"]) == (int, 1)


# --- a metric that fails ---


class Unfit:
    shape = ()

    def __float__(self):
        raise RuntimeError("no number")


def leave(*_):
    sys.exit("a metric that leaves")


def divide(*_):
    return 1 // 0


FAULTS = [
    (divide, "ZeroDivisionError"),
    (leave, "a metric that leaves"),
    (lambda *_: math.nan, "expected a finite number, got nan"),
    (lambda *_: math.inf, "expected a finite number, got inf"),
    (lambda *_: None, "expected a finite number, got None"),
    (lambda *_: "0.5", "expected a finite number, got '0.5'"),
    (lambda *_: np.str_("0.5"), "expected a finite number, got np.str_('0.5')"),
    (lambda *_: 1j, "expected a finite number, got 1j"),
    (lambda *_: np.complex128(1), "expected a finite number, got np.complex128(1+0j)"),
    (lambda *_: np.array([0.5]), "expected a finite number, got array([0.5])"),
    (lambda *_: np.array("x"), "expected a finite number, got array('x'"),
    (lambda *_: 10**400, "expected a finite number, got 1000"),
    (lambda *_: np.datetime64(1, "s"), "expected a finite number, got np.datetime64"),
    (lambda *_: np.ma.masked, "expected a finite number, got masked"),
    (lambda *_: Unfit(), "expected a finite number, got <"),
    (lambda _outputs, targets: targets.fill(0), "read-only"),
]


def marked(fault):
    """Give a metric that does what `fault` does where the first output is above zero."""
    return lambda outputs, targets: fault(outputs, targets) if outputs[0, 0] > 0 else 0.25


@pytest.mark.parametrize(("fault", "told"), FAULTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_metric_that_fails_fails_its_individual_and_is_told_once(opened, caplog, fault, told, threads):
    network = MLP(sizes=(2, 2))
    population = np.zeros((5, network.dim), np.float32)
    for index in (1, 3):
        population[index, -2:] = 1
    problem = ev.Supervised(XOR, XOR_LABELS, metric=marked(fault), batch_size=2, name="mine")
    task = opened(problem.task(network, threads=threads))
    for _ in range(2):
        evaluation = task.evaluate(population, conditions(5, 2))
        assert evaluation.failed.tolist() == [False, True, False, True, False]
        assert evaluation.fitness[~evaluation.failed].tolist() == [0.25] * 3
    [record] = errors_of(caplog)
    assert record.getMessage().startswith("the metric of mine")
    assert record.getMessage().endswith("; more of it is only counted")
    assert told in caplog.text


def test_a_metric_of_other_arguments_is_told(opened, caplog):
    network = MLP(sizes=(2, 2))
    metric: Any = lambda: 0.0  # noqa: E731 - without a name, as one would give it
    task = opened(ev.Supervised(XOR, XOR_LABELS, metric=metric).task(network))
    assert task.evaluate(population_of(network), conditions(6)).failed.all()
    assert "takes 0 positional arguments but 2 were given" in caplog.text


@pytest.mark.parametrize("value", [1, True, np.float32(1), np.int64(1), np.bool_(1), np.array(1.0), np.array(1)])
def test_whatever_is_a_real_number_counts(opened, value):
    network = MLP(sizes=(2, 2))
    task = opened(ev.Supervised(XOR, XOR_LABELS, metric=lambda *_: value).task(network))
    assert task.evaluate(population_of(network, 1), conditions(1)).fitness.tolist() == [1.0]


def test_an_interrupt_in_a_metric_is_no_fault(opened):
    def interrupt(*_):
        raise KeyboardInterrupt

    network = MLP(sizes=(2, 2))
    task = opened(ev.Supervised(XOR, XOR_LABELS, metric=interrupt).task(network))
    with pytest.raises(KeyboardInterrupt):
        task.evaluate(population_of(network), conditions(6))


def test_a_metric_sees_what_it_is_promised(opened):
    seen = []
    network = MLP(sizes=(2, 2))

    def metric(outputs, targets):
        seen.append((outputs.shape, outputs.dtype, targets.shape, targets.dtype))
        return 0.0

    for targets, expected in ((XOR_LABELS, ((3,), np.int64)), (np.ones((4, 2)), ((3, 2), np.float64))):
        task = opened(ev.Supervised(XOR, targets, metric=metric, batch_size=3).task(network))
        task.evaluate(population_of(network, 1), conditions(1))
        assert seen.pop() == ((3, 2), np.float32, *expected)


# --- runs ---


def problem_of(**changes) -> Any:
    inputs, labels = data(24)
    return ev.Supervised(
        inputs[:18],
        labels[:18],
        **{"loss": "cross_entropy", "batch_size": 6, "validation": (inputs[18:], labels[18:]), "name": "flowers", **changes},
    )


def evolved(runs_dir, name="a", problem=None, **settings) -> Any:
    return ev.evolve(problem or problem_of(), runs_dir=runs_dir, name=name, **{**SMALL, **settings})


def outcome(run):
    return {name: value for name, value in run.summary().items() if name not in {"run", "wall_seconds"}}


def same_run(one, other):
    kept = [ev.load_policy(run.folder.best).row.tobytes() for run in (one, other)]
    return outcome(one) == outcome(other) and kept == [one.row.tobytes(), other.row.tobytes()] and kept[0] == kept[1]


def test_the_number_of_workers_changes_no_run(tmp_path):
    runs = [evolved(tmp_path, str(workers), workers=workers) for workers in (1, 2, 5)]
    assert all(same_run(runs[0], run) for run in runs[1:])
    assert runs[0].progress.digest != evolved(None, seed=1).progress.digest


def test_a_run_is_kept_and_its_champion_is_that_of_the_validation_data(tmp_path, opened):
    run = evolved(tmp_path)
    assert {"run.toml", "history.csv", "best.safetensors", "manifest.json"} <= {path.name for path in run.folder.path.iterdir()}
    assert run.folder.path.parent.name == run.env == "flowers"
    assert run.best.act(problem_of().inputs).shape == (18,)
    judged = opened(problem_of().judge(run.best.network)).evaluate(run.row[np.newaxis], conditions(1))
    assert judged.fitness[0] == run.score.mean == run.progress.score.mean
    assert run.progress.training_steps == 8 * 12 * 6
    assert run.progress.validation_steps == 8 * 6


def test_a_run_in_pieces_is_the_run_in_one_piece(tmp_path):
    whole = evolved(tmp_path, "whole")
    pieces = evolved(tmp_path, "pieces", generations=3)
    ev.resume(pieces.folder, env=problem_of(), changes={"generations": 5})
    assert same_run(whole, ev.resume(pieces.folder, env=problem_of(), changes={"generations": 8, "workers": 0}))


def test_a_run_that_was_interrupted_goes_on_to_the_same_digest(tmp_path):
    def interrupt(generation):
        if generation.generation == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evolved(tmp_path, callbacks=[interrupt])
    assert same_run(evolved(tmp_path, "whole"), ev.resume(ev.open_run("a", tmp_path), env=problem_of()))


def test_a_run_is_not_resumed_without_its_data(tmp_path, capsys):
    folder = evolved(tmp_path, generations=2).folder
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(UsageError, match=r"'flowers'"):
        ev.resume(folder, changes={"generations": 4})
    assert run_command(["resume", str(folder.path), "--generations", "4"]) == 2
    assert "'flowers'" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"^env: .*run\.toml is of 'flowers', got 'other'$"):
        ev.resume(folder, env=problem_of(name="other"))
    assert before == {path.name: path.read_bytes() for path in folder.path.iterdir()}


def test_data_named_like_a_world_are_not_taken_for_it(tmp_path, capsys):
    folder = evolved(tmp_path, problem=problem_of(name="CartPole-v1"), generations=2).folder
    with pytest.raises(UsageError, match="'CartPole-v1' is the name of data or of a function in Python, not of a world"):
        ev.resume(folder)
    assert run_command(["resume", str(folder.path)]) == 2
    assert "evolvent.resume(folder, env=problem)" in capsys.readouterr().err


def test_a_run_tells_its_first_failure_once_and_the_next_run_its_own(tmp_path, caplog):
    calls: list[int] = []

    def metric(outputs, _targets):
        calls.append(1)
        return math.nan if 0 < len(calls) % 40 <= 2 else float(outputs[0, 0])

    problem = problem_of(loss=None, metric=metric)
    for name in ("a", "b"):
        calls.clear()
        run = evolved(tmp_path, name, problem=problem, workers=1)
        assert run.folder.errors_log.read_text(encoding="utf-8").count("the metric of flowers: expected a finite") == 1
    assert len(errors_of(caplog)) == 2


def test_where_a_metric_fails_for_all_the_run_stops():
    with pytest.raises(EnvironmentFailed, match="flowers: 12 of 12 individuals failed in generation 0") as caught:
        evolved(None, problem=problem_of(loss=None, metric=divide))
    assert caught.value.exit_code == 4


# --- learning ---


@pytest.mark.parametrize("seed", range(5))
def test_xor_is_learnt(seed):
    xor = ev.Supervised(XOR, XOR_LABELS, loss="cross_entropy", name="xor")
    run = ev.evolve(xor, hidden=(4,), activation="tanh", generations=300, target=-0.1, seed=seed, runs_dir=None)
    assert run.reason == "target reached"
    assert run.solved
    assert run.best.act(XOR).tolist() == XOR_LABELS


@pytest.mark.compiled
@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_a_metric_without_a_gradient_is_learnt(metric):
    inputs, _ = data(400, features=2)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).astype(int)
    problem = ev.Supervised(inputs[:300], labels[:300], metric=metric)
    run = ev.evolve(problem, hidden=(8,), activation="tanh", generations=150, seed=4, runs_dir=None)
    assert (run.best.act(inputs[300:]) == labels[300:]).mean() > 0.85


@pytest.mark.compiled
@pytest.mark.parametrize("batch_size", [None, 64])
def test_a_curve_is_learnt(batch_size):
    inputs = np.linspace(-2, 2, 128)[:, np.newaxis]
    aims = np.sin(2 * inputs)
    problem = ev.Supervised(inputs, aims, loss="mean_squared_error", batch_size=batch_size)
    genetic = {"mutation": "gaussian:strength=0.2", "strength": "decaying:generations=300,final=0.1"}
    run = ev.evolve(problem, hidden=(12,), activation="tanh", generations=300, genetic=genetic, runs_dir=None)
    answers = run.best.act(inputs)
    assert answers.shape == (128, 1)
    assert np.mean((answers - aims) ** 2) == pytest.approx(-run.score.mean, rel=1e-5)
    assert -run.score.mean < 0.1 * np.var(aims)
