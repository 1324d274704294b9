import numpy as np
import pytest

from evolvent.algorithms import PGPE, OpenAIES
from evolvent.algorithms.optimizers import SGD, Adam, ClipUp, Momentum, make_optimizer
from evolvent.errors import UsageError

GRADIENTS = np.array([[1.0, -2.0, 0.0], [3.0, 0.5, 1e-12], [-1.0, -1.0, 7.0], [0.0, 2.0, -3.0], [1e8, 1e-8, 1.0]])


def steps_of(optimizer, gradients):
    state, steps = optimizer.init(len(gradients[0])), []
    for gradient in gradients:
        step, state = optimizer.step(state, np.array(gradient, np.float64))
        steps.append(step)
    assert state.steps == len(steps)
    return np.array(steps)


def test_plain_steps_go_along_the_gradient():
    assert steps_of(SGD(learning_rate=0.5), GRADIENTS).tolist() == (0.5 * GRADIENTS).tolist()


def test_momentum_by_hand():
    assert steps_of(Momentum(learning_rate=0.5, momentum=0.9), [[2.0], [2.0], [-4.0]]) == pytest.approx(
        np.array([[1.0], [1.9], [-0.29]])
    )


def test_adam_by_hand():
    # First moments 0.1 and 0.09, second 0.001 and 0.000999; without bias 1 and 0.09 / 0.19, 1 and 0.000999 / 0.001999.
    assert steps_of(Adam(learning_rate=0.1), [[1.0], [0.0]]) == pytest.approx(np.array([[0.1], [0.0670058]]), rel=1e-5)


def test_adam_is_what_its_paper_says():
    first, second = [0.0] * 3, [0.0] * 3
    expected = []
    for t, gradient in enumerate(GRADIENTS, 1):
        step = []
        for i, g in enumerate(gradient):
            first[i] = 0.8 * first[i] + (1 - 0.8) * g
            second[i] = 0.99 * second[i] + (1 - 0.99) * g**2
            step.append(0.3 * (first[i] / (1 - 0.8**t)) / ((second[i] / (1 - 0.99**t)) ** 0.5 + 1e-6))
        expected.append(step)
    actual = steps_of(Adam(learning_rate=0.3, beta1=0.8, beta2=0.99, epsilon=1e-6), GRADIENTS)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_clipup_by_hand():
    gradients = [[3.0, 4.0], [300.0, 400.0], [0.0, -2e-9], [0.0, 0.0]]
    expected = [
        [0.3, 0.4],  # half of (3, 4) / 5
        [0.36, 0.48],  # 0.9 (0.3, 0.4) + (0.3, 0.4) has length 0.95, which becomes 0.6
        [0.324, -0.068],  # 0.9 (0.36, 0.48) + (0, -0.5)
        [0.2916, -0.0612],  # no direction: the velocity alone
    ]
    assert steps_of(ClipUp(learning_rate=0.5, max_speed=0.6, momentum=0.9), gradients) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "clipup"])
def test_no_gradient_and_extreme_ones_give_finite_steps(name):
    optimizer = make_optimizer(name, 1e6, 0.9999, None)
    steps = steps_of(optimizer, [[0.0, 0.0], [1e33, -1e33], [1e-300, 5e-324], [1e33, 0.0]] * 5)
    assert steps[0].tolist() == [0, 0]
    assert np.isfinite(steps).all()


def test_names_and_settings():
    assert make_optimizer("sgd", 0.1, 0.5, None) == SGD(learning_rate=0.1)
    assert make_optimizer("momentum", 0.1, 0.5, None) == Momentum(learning_rate=0.1, momentum=0.5)
    assert make_optimizer("adam", 0.1, 0.5, None) == Adam(learning_rate=0.1, beta1=0.5)
    assert make_optimizer("clipup", 0.1, 0.5, None) == ClipUp(learning_rate=0.1, max_speed=0.2, momentum=0.5)
    assert make_optimizer("clipup", 0.1, 0.5, 0.3) == ClipUp(learning_rate=0.1, max_speed=0.3, momentum=0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamw"}, "^optimizer: expected sgd or momentum or adam or clipup, got 'adamw'.*adam"),
        ({"learning_rate": 0.0}, "^learning_rate: expected a positive number, .* got 0.0"),
        ({"learning_rate": float("nan")}, "^learning_rate: .* got nan"),
        ({"momentum": 1.0}, "^momentum: expected a number from 0 to 0.9999, got 1.0"),
        ({"max_speed": -1.0}, "^max_speed: .* got -1.0"),
    ],
)
@pytest.mark.parametrize("algorithm", [OpenAIES, PGPE])
def test_settings_out_of_range_are_refused(algorithm, settings, message):
    with pytest.raises(UsageError, match=message):
        algorithm(**settings)
