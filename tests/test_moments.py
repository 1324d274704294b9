"""Moments: gathered in parts and merged, they are those of the whole."""

import numpy as np
import pytest

from evolvent.moments import Moments, moments_of_sums


def moments_of(values):
    mean = values.mean(axis=0)
    return Moments(count=len(values), mean=mean, squares=((values - mean) ** 2).sum(axis=0))


def test_parts_merged_are_the_whole():
    values = np.random.default_rng(0).normal(5.0, [0.1, 30.0], (1000, 2))
    merged = Moments.of_none(2)
    for part in np.split(values, [1, 10, 500]):
        merged = merged.merged(moments_of(part))
    whole = moments_of(values)
    assert merged.count == whole.count == 1000
    assert merged.mean == pytest.approx(whole.mean, rel=1e-14)
    assert merged.deviation == pytest.approx(values.std(axis=0), rel=1e-12)


def test_sums_about_a_near_centre_lose_nothing_to_a_large_mean():
    values = np.random.default_rng(0).normal(1e8, 1e-3, (1000, 1))
    centre = np.array([1e8])
    gathered = moments_of_sums(
        1000, centre, np.concatenate([(values - centre).sum(axis=0), ((values - centre) ** 2).sum(axis=0)])
    )
    assert gathered.mean == pytest.approx(values.mean(axis=0), rel=1e-15)
    assert gathered.deviation == pytest.approx(values.std(axis=0), rel=1e-4)


def test_nothing_observed_leaves_observations_as_they_are():
    nothing = Moments.of_none(3)
    assert nothing.mean.tolist() == [0.0] * 3
    assert nothing.scale.tolist() == [1.0] * 3
    assert nothing.merged(nothing).count == 0
    assert moments_of_sums(0, nothing.mean, np.zeros(6)).count == 0


def test_what_never_varies_is_shown_as_zero():
    assert moments_of(np.array([[2.0, 1.0], [2.0, 3.0]])).scale.tolist() == [0.0, 1.0]
