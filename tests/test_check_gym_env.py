import gymnasium
import pytest

from evolvent.testing import check_gym_env

gymnasium.register("test_check/Faulty-v0", "evolvent.testing:FaultyEnv", max_episode_steps=50)
QUICK = {"episodes": 6, "time_limit": 60.0}


def keys(report, *kinds):
    return {each.key for each in report.findings if each.kind in kinds or not kinds}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"mode": "constructor_raises"}, "cannot_be_built"),
        ({"mode": "reset_raises"}, "raises"),
        ({"mode": "exits_hard", "step": 3}, "leaves"),
        ({"mode": "segfaults", "step": 3}, "dies"),
        ({"mode": "old_step"}, "older_step"),
        ({"mode": "old_reset"}, "older_reset"),
    ],
)
def test_what_would_fail_a_run_is_an_error(arguments, key):
    report = check_gym_env("test_check/Faulty-v0", arguments, **QUICK)
    assert not report.trains
    assert keys(report, "error") == {key}
