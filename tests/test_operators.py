import math
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evolvent.algorithms import (
    BlendCrossover,
    Cauchy,
    Constant,
    Decaying,
    Gaussian,
    InTurn,
    Multiplicative,
    NeuronCrossover,
    OnePointCrossover,
    Rank,
    Replacement,
    Roulette,
    SelfAdaptive,
    SignFlip,
    Tournament,
    Truncation,
    TwoPointCrossover,
    Uniform,
    UniformCrossover,
    operators,
)
from evolvent.errors import UsageError
from evolvent.evaluation import Evaluation
from evolvent.networks import MLP
from evolvent.seeding import stream

SELECTIONS = [Truncation(num_parents=4), Tournament(size=3), Rank(pressure=1.7), Roulette()]
CROSSOVERS = [UniformCrossover(), NeuronCrossover(), OnePointCrossover(), TwoPointCrossover(), BlendCrossover(alpha=0.3)]
KINDS = [Gaussian, Uniform, Cauchy, Multiplicative, Replacement, SignFlip]
MUTATIONS = [*(kind() for kind in KINDS), InTurn((Gaussian(), SignFlip())), Gaussian(strength=2.0, rate=0.3)]
STRENGTHS = [Constant(), Decaying(), SelfAdaptive()]
every_selection = pytest.mark.parametrize("selection", SELECTIONS, ids=repr)
every_crossover = pytest.mark.parametrize("crossover", CROSSOVERS, ids=repr)
every_mutation = pytest.mark.parametrize("mutation", MUTATIONS, ids=repr)
every_strength = pytest.mark.parametrize("strength", STRENGTHS, ids=repr)

EXTREMES = st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 1.7e308, -1.7e308, 5e-324, -5e-324, 0.0, -0.0, 1.0])
OUTCOMES = st.lists(st.tuples(st.one_of(st.floats(), EXTREMES), st.booleans()), min_size=1, max_size=20)
MANY = 20_000
SURE = 4.5  # standard deviations; beyond them by chance once in 150,000 times


def measured(fitness, failed=None):
    fitness = np.array(fitness, np.float64)
    failed = np.zeros(len(fitness), np.bool_) if failed is None else np.array(failed)
    return Evaluation(fitness=fitness, returns=fitness[:, None], steps=np.ones((len(fitness), 1), np.int64), failed=failed)


def rows(count, dim=6, name="rows"):
    return stream(0, name).normal((count, dim))


def ones(count):
    return np.ones(count)


def assert_drawn_with(shares, chosen):
    """Hold how often each was chosen to the probabilities `shares`."""
    expected = np.array(shares) * len(chosen)
    counts = np.bincount(chosen, minlength=len(shares))
    assert (counts[expected == 0] == 0).all()
    assert (np.abs(counts - expected) <= SURE * np.sqrt(expected) + 1e-9).all()


def no_longer_writeable(array):
    array.flags.writeable = False
    return array


# --- every selection ---


@every_selection
@given(OUTCOMES, st.integers(0, 40))
def test_a_selection_gives_indices_and_the_sound_before_all_others(selection, outcomes, count):
    fitness, failed = zip(*outcomes, strict=True)
    chosen = selection(measured(fitness, failed), count, stream(1, "selection"))
    assert (chosen.dtype, chosen.shape) == (np.int64, (count,))
    assert ((chosen >= 0) & (chosen < len(outcomes))).all()
    sound = [math.isfinite(score) and not bad for score, bad in outcomes]
    if any(sound) and not isinstance(selection, Tournament):
        assert all(sound[index] for index in chosen)


@pytest.mark.compiled
@given(OUTCOMES)
def test_a_failed_one_wins_a_tournament_only_among_failed_ones(outcomes):
    fitness, failed = zip(*outcomes, strict=True)
    evaluation = measured(fitness, failed)
    sound = [math.isfinite(score) and not bad for score, bad in outcomes]
    assume(any(sound))
    chosen = Tournament(size=200)(evaluation, 50, stream(2))
    assert np.mean([sound[index] for index in chosen]) > 0.9


@every_selection
def test_a_selection_depends_on_its_arguments_alone_and_changes_none(selection):
    evaluation = measured([3.0, 1.0, 2.0, math.nan])
    for array in (evaluation.fitness, evaluation.failed):
        no_longer_writeable(array)
    one, again, other = (selection(evaluation, 60, stream(seed, "selection")) for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes() != other.tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("selection", [Tournament(size=4), Rank(), Roulette()], ids=repr)
def test_where_all_are_alike_or_all_have_failed_everybody_may_breed(selection):
    for fitness in ([2.0] * 5, [math.nan] * 5, [-1e308] * 5):
        chosen = selection(measured(fitness), MANY, stream(3))
        if isinstance(selection, Roulette):
            assert_drawn_with([0.2] * 5, chosen)
        assert set(chosen.tolist()) >= {0, 1, 2, 3}


@pytest.mark.compiled
def test_a_tournament_is_won_as_often_as_computed():
    size, count = 3, 6
    shares = [((count - rank) / count) ** size - ((count - rank - 1) / count) ** size for rank in range(count)]
    order = [2, 0, 5, 1, 4, 3]
    fitness = np.empty(count)
    fitness[order] = np.arange(count)[::-1]
    chosen = Tournament(size=size)(measured(fitness), MANY, stream(4))
    assert_drawn_with(np.array(shares)[np.argsort(order)], chosen)


@pytest.mark.compiled
@pytest.mark.parametrize("pressure", [1.0, 1.5, 2.0])
def test_ranks_breed_in_proportion_and_by_order_alone(pressure):
    for fitness in ([1e300, 1.0, 0.0, -5.0], [4.0, 3.0, 2.0, 1.0]):
        chosen = Rank(pressure=pressure)(measured(fitness), MANY, stream(5))
        assert_drawn_with(np.linspace(pressure, 2 - pressure, 4) / 4, chosen)


@pytest.mark.compiled
def test_roulette_is_proportional_to_what_is_above_the_worst():
    chosen = Roulette()(measured([-1.0, 5.0, 1.0, math.nan]), MANY, stream(6))
    assert_drawn_with([0, 6 / 8, 2 / 8, 0], chosen)


# --- every crossover ---

GROUPS = np.array([0, 0, 1, 1, 1, 2])


@every_crossover
@given(st.integers(0, 1000), st.integers(0, 9), st.integers(1, 7))
def test_children_are_between_their_parents_and_like_them_where_they_agree(crossover, seed, count, dim):
    first, second = (no_longer_writeable(rows(count, dim, name)) for name in (f"first {seed}", f"second {seed}"))
    groups = np.arange(dim) // 2
    children = crossover(first, second, groups, stream(seed, "crossover"))
    assert (children.shape, children.dtype) == ((count, dim), np.float32)
    assert not np.shares_memory(children, first)
    alike = crossover(first, first.copy(), groups, stream(seed, "crossover"))
    assert alike.tobytes() == first.tobytes()
    if isinstance(crossover, BlendCrossover):
        reach = np.abs(second - first) * (crossover.alpha + 1e-5) + 1e-6
        low, high = np.minimum(first, second) - reach, np.maximum(first, second) + reach
        assert ((children >= low) & (children <= high)).all()
    else:
        assert ((children == first) | (children == second)).all()
    assert children.tobytes() == crossover(first, second, groups, stream(seed, "crossover")).tobytes()


def inherited(crossover, count=3000, dim=6, groups=GROUPS):
    """Return which parameters of many children come from the second parent."""
    zeros, ones_ = np.zeros((count, dim), np.float32), np.ones((count, dim), np.float32)
    return crossover(zeros, ones_, groups, stream(7, "crossover"))


@pytest.mark.compiled
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_uniform_crossover_takes_a_share_of_parameters_one_by_one(share):
    from_second = inherited(UniformCrossover(share=share))
    assert abs(from_second.mean() - share) <= SURE * math.sqrt(share * (1 - share) / from_second.size)
    if 0 < share < 1:
        assert np.abs(np.corrcoef(from_second.T) - np.eye(6)).max() < SURE / math.sqrt(len(from_second))


@pytest.mark.compiled
def test_whole_neurons_stay_together():
    from_second = inherited(NeuronCrossover(share=0.5))
    assert (from_second[:, :2].std(axis=1) == 0).all()
    assert (from_second[:, 2:5].std(axis=1) == 0).all()
    assert np.abs(np.corrcoef(from_second[:, [0, 2, 5]].T) - np.eye(3)).max() < SURE / math.sqrt(len(from_second))


def test_a_networks_groups_are_its_neurons():
    network = MLP(sizes=(3, 2, 1))
    views = network.named_views(network.groups().astype(np.float32))
    assert views["layer0.weights"].tolist() == [[0, 1]] * 3
    assert views["layer0.biases"].tolist() == [0, 1]
    assert views["layer1.weights"].tolist() == [[2], [2]]


def test_one_point_crossover_has_one_cut_anywhere_inside():
    from_second = inherited(OnePointCrossover())
    assert (np.diff(from_second, axis=1) >= 0).all()
    assert set(from_second.sum(axis=1)) == {1, 2, 3, 4, 5}


def test_two_point_crossover_takes_one_stretch():
    from_second = inherited(TwoPointCrossover())
    assert ((np.diff(from_second, axis=1, prepend=0) > 0).sum(axis=1) <= 1).all()
    assert set(from_second.sum(axis=1)) == {0, 1, 2, 3, 4, 5, 6}


@pytest.mark.compiled
def test_blending_draws_evenly_from_the_longer_interval():
    way = inherited(BlendCrossover(alpha=0.5), count=5000).astype(np.float64).ravel()
    assert -0.5 <= way.min() < -0.49
    assert 1.49 < way.max() <= 1.5
    assert abs(way.mean() - 0.5) < SURE * math.sqrt(4 / 12 / way.size)
    assert abs(way.var() / (4 / 12) - 1) < 0.03


# --- every mutation ---


@every_mutation
@given(st.integers(0, 1000), st.integers(0, 9), st.integers(1, 7))
def test_a_mutation_gives_new_rows_that_depend_on_its_arguments_alone(mutation, seed, count, dim):
    parents = no_longer_writeable(rows(count, dim))
    scales = no_longer_writeable(np.linspace(0.5, 2, count))
    one, again = (mutation(parents, stream(seed, "mutation"), scales) for _ in range(2))
    assert (one.shape, one.dtype) == (parents.shape, np.float32)
    assert one.tobytes() == again.tobytes()
    assert not np.shares_memory(one, parents)
    assert np.isfinite(one).all()


@every_mutation
def test_a_row_is_changed_alike_whoever_stands_beside_it(mutation):
    parents = rows(9)
    all_of_them = mutation(parents, stream(8, "mutation"), ones(9))
    assert mutation(parents[:4], stream(8, "mutation"), ones(4)).tobytes() == all_of_them[:4].tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_so_many_parameters_are_changed_as_the_rate_says(kind, rate):
    parents = rows(4000) + 10
    changed = kind(rate=rate)(parents, stream(9, "mutation"), ones(len(parents))) != parents
    assert abs(changed.mean() - rate) < SURE * math.sqrt(rate * (1 - rate) / changed.size) + 0.001
    assert np.abs(np.corrcoef(changed.T) - np.eye(6)).max() < SURE / math.sqrt(len(parents))


def noise(mutation, parent=0.0, scale=1.0, count=MANY):
    parents = np.full((count, 2), parent, np.float32)
    children = mutation(parents, stream(10, "mutation"), np.full(count, scale))
    return (children.astype(np.float64) - parent).ravel()


@pytest.mark.compiled
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_noise_has_the_distribution_that_it_is_named_after(scale):
    gaussian = noise(Gaussian(strength=0.4), scale=scale) / (0.4 * scale)
    assert abs(gaussian.std() - 1) < 0.02
    assert abs((np.abs(gaussian) < 1).mean() - 0.6827) < 0.01
    uniform = noise(Uniform(strength=0.4), scale=scale) / (0.4 * scale)
    assert uniform.max() <= 1.000001
    assert abs((np.abs(uniform) < 0.5).mean() - 0.5) < 0.012
    cauchy = noise(Cauchy(strength=0.4), scale=scale) / (0.4 * scale)
    for quantile, share in ((0.5, 0.29517), (1.0, 0.5), (10.0, 0.93655)):
        assert abs((np.abs(cauchy) < quantile).mean() - share) < 0.012
    assert abs(np.median(cauchy)) < 0.03


@pytest.mark.compiled
def test_cauchy_jumps_are_long_and_end_somewhere(monkeypatch):
    far = noise(Cauchy(strength=1.0), count=500_000)
    assert np.abs(far).max() > 10_000
    monkeypatch.setattr("evolvent.algorithms.mutation.LONGEST_JUMP", 5.0)
    assert np.abs(noise(Cauchy(strength=2.0))).max() == 10.0


@pytest.mark.compiled
def test_multiplying_changes_the_large_and_leaves_zero():
    assert (noise(Multiplicative(strength=0.3)) == 0).all()
    factors = noise(Multiplicative(strength=0.3), parent=-50.0) / -50
    assert abs(factors.mean()) < 0.01
    assert abs(factors.std() / 0.3 - 1) < 0.02


@pytest.mark.compiled
def test_replacing_forgets_the_parent():
    replaced = noise(Replacement(strength=2.0, rate=1.0), parent=100.0) + 100
    assert abs(replaced.std() / 2 - 1) < 0.02
    assert abs(replaced.mean()) < 0.05


def test_signs_are_all_that_a_flip_changes():
    parents = rows(500)
    children = SignFlip(rate=0.5)(parents, stream(11), ones(500))
    assert np.abs(children).tobytes() == np.abs(parents).tobytes()
    assert 0.4 < (children != parents).mean() < 0.6


@pytest.mark.compiled
@pytest.mark.parametrize("mutation", [Replacement(rate=0.1), SignFlip(rate=0.1)], ids=repr)
def test_what_has_no_strength_is_scaled_by_its_rate(mutation):
    parents = rows(4000) + 10
    for scale, share in ((0.5, 0.05), (3.0, 0.3), (100.0, 1.0)):
        changed = mutation(parents, stream(12), np.full(4000, scale)) != parents
        assert abs(changed.mean() - share) < 0.01


@every_mutation
def test_one_scale_does_for_all_rows_and_is_one_where_none_is_given(mutation):
    parents = rows(5)
    plain = mutation(parents, stream(16, "mutation"))
    assert plain.tobytes() == mutation(parents, stream(16, "mutation"), 1.0).tobytes()
    assert plain.tobytes() == mutation(parents, stream(16, "mutation"), ones(5)).tobytes()


def test_several_in_turn_are_each_done_with_noise_of_their_own():
    parents = rows(2000)
    twice = InTurn((Gaussian(strength=1.0), Gaussian(strength=1.0)))(parents, stream(13), ones(2000)) - parents
    assert abs(twice.std() / math.sqrt(2) - 1) < 0.03


# --- every strength ---


@every_strength
@given(st.lists(st.floats(1e-4, 1e4), max_size=20), st.integers(1, 10**9))
def test_strengths_stay_positive_and_within_bounds(strength, scales, generation):
    after = strength(no_longer_writeable(np.array(scales, np.float64)), generation, stream(14, "strength"))
    assert (after.shape, after.dtype) == ((len(scales),), np.float64)
    assert ((after >= 1e-4) & (after <= 1e4)).all()


def test_decaying_strengths_fall_by_the_same_factor_and_then_stay():
    decay = Decaying(generations=4, final=0.0625)
    courses = [decay(ones(1), generation, stream(0))[0] for generation in (1, 2, 3, 4, 5, 1000)]
    np.testing.assert_allclose(courses, [0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0625])


@pytest.mark.compiled
def test_inherited_strengths_change_by_a_log_normal_factor():
    factors = np.log(SelfAdaptive(learning_rate=0.3)(np.full(MANY, 2.0), 1, stream(15)) / 2)
    assert abs(factors.std() / 0.3 - 1) < 0.03
    assert abs(factors.mean()) < 0.01


# --- settings and their names ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tournament(size=0), "^size: expected a whole number of at least 1, got 0"),
        (lambda: Tournament(size=1.5), "^size: expected a whole number of at least 1, got 1.5"),  # pyright: ignore[reportArgumentType]
        (lambda: Rank(pressure=2.1), "^pressure: expected a number from 1 to 2, got 2.1"),
        (lambda: Rank(pressure=math.nan), "^pressure: .* got nan"),
        (lambda: UniformCrossover(share=-0.1), "^share: expected a number from 0 to 1, got -0.1"),
        (lambda: NeuronCrossover(share=2), "^share: "),
        (lambda: BlendCrossover(alpha=-1), "^alpha: "),
        (lambda: Gaussian(strength=0.0), "^strength: expected a positive number"),
        (lambda: Gaussian(rate=0.0), "^rate: expected a probability above 0, at most 1, got 0.0"),
        (lambda: Uniform(rate=1.1), "^rate: "),
        (lambda: Cauchy(strength=math.inf), "^strength: "),
        (lambda: Multiplicative(strength=math.nan), "^strength: "),
        (lambda: Replacement(rate=math.nan), "^rate: "),
        (lambda: SignFlip(rate=-1), "^rate: "),
        (lambda: InTurn(()), "^mutations: expected at least one, got none"),
        (lambda: Decaying(generations=0), "^generations: "),
        (lambda: Decaying(final=0.0), "^final: "),
        (lambda: SelfAdaptive(learning_rate=0), "^learning_rate: "),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(UsageError, match=message):
        make()


ROLES = {
    "selection": (operators.selection, operators.SELECTIONS, SELECTIONS),
    "crossover": (operators.crossover, operators.CROSSOVERS, CROSSOVERS),
    "mutation": (operators.mutation, operators.MUTATIONS, [kind() for kind in KINDS]),
    "strength": (operators.strength, operators.STRENGTHS, STRENGTHS),
}


@pytest.mark.parametrize("role", ROLES)
def test_every_operator_has_a_name_and_is_tested_here(role):
    read, table, tested = ROLES[role]
    assert {type(each) for each in tested} == set(table.values())
    for operator in tested:
        name = next(name for name, kind in table.items() if kind is type(operator))
        settings = ",".join(f"{field.name}={getattr(operator, field.name)!r}" for field in fields(operator))
        assert read(f"{name}:{settings}") == operator
        assert read(name) == type(operator)()


def test_no_crossover_has_a_name_too():
    assert operators.crossover("none") is None


def test_text_makes_what_it_says():
    assert operators.mutation("gaussian:strength=1e+2+sign_flip") == InTurn((Gaussian(strength=100.0), SignFlip()))
    assert operators.mutation(" gaussian : strength = 0.5 , rate=0.1 + sign_flip") == InTurn(
        (Gaussian(strength=0.5, rate=0.1), SignFlip())
    )


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("selection", "tornament:size=3", "selection: 'tornament' is unknown; did you mean \"tournament\"?; known: truncation"),
        ("selection", "", "selection: '' is unknown"),
        ("selection", "tournament:3", "selection: tournament: expected settings as name=number, got '3'; known: size=3"),
        ("selection", "tournament:size=3,size=4", "selection: tournament: size: expected once, got it again as 'size=4'"),
        ("selection", "tournament:size=3.5", "selection: tournament: size: expected a whole number, got '3.5'"),
        ("selection", "roulette:size=3", "got 'size=3'; known: none"),
        ("crossover", "non", "crossover: 'non' is unknown; did you mean \"none\"?"),
        ("mutation", "gaussian:strength=a", "mutation: gaussian: strength: expected a number, got 'a'"),
        ("mutation", "gaussian+", "mutation: '' is unknown"),
        ("mutation", "+".join(["gaussian"] * 9), "mutation: expected at most 8 in turn, got 9"),
        ("mutation", "gaussian:strength=nan", "mutation: gaussian: strength: expected a positive number"),
        ("mutation", "x" * 500, "mutation: expected at most 400 characters, got 500"),
        ("strength", "decaying:generations=1e3", "strength: decaying: generations: expected a whole number, got '1e3'"),
    ],
)
def test_text_that_names_nothing_is_refused_in_words(role, text, message):
    with pytest.raises(UsageError) as refused:
        ROLES[role][0](text)
    assert message in str(refused.value)


@pytest.mark.parametrize("role", ROLES)
@given(st.text() | st.from_regex(r"[a-z_]{0,12}:?([a-z_]{0,9}=[0-9.e+-]{0,9},?){0,3}"))
def test_any_text_is_an_operator_or_refused(role, text):
    with suppress(UsageError):
        ROLES[role][0](text)
