"""The examples run as they are, in a quick form, and what they claim holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PATIENCE = 280.0  # seconds
GUIDE = (ROOT / "docs" / "supervised.md").read_text(encoding="utf-8")
NEEDS = {"classify_digits", "improve_f1"}  # scikit-learn


def printed_by(name, *words, folder):
    """Run an example in a folder of its own and give what it printed."""
    command = [sys.executable, "-W", "error::RuntimeWarning", EXAMPLES / f"{name}.py", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return done.stdout


def test_every_example_is_run_here_and_tells_how():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {"maximise_function", "own_world", "temporal_parity", *NEEDS}
    for name in names:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        assert len(text.splitlines()) < (110 if name == "own_world" else 80)
        assert f"$ python examples/{name}.py" in text
        assert ("pip install -e '.[examples]'" in text) == ("sklearn" in text) == (name in NEEDS)


@pytest.mark.compiled
def test_points_are_spread_nearly_as_far_as_can_be(tmp_path):
    said = printed_by("maximise_function", 2, folder=tmp_path)
    shares = [float(share) for share in re.findall(r"([0-9.]+)% of the best known", said)]
    assert len(shares) == 2
    assert all(96 <= share <= 100 for share in shares)


@pytest.mark.compiled
def test_parity_is_kept_over_longer_strings_than_were_ever_seen(tmp_path):
    said = printed_by("temporal_parity", 2, folder=tmp_path)
    shares = [[float(share) for share in re.findall(r"([0-9.]+)%", line)] for line in said.splitlines() if "seed" in line]
    assert [four for four, *_ in shares] == [100.0, 100.0]
    assert min(min(each) for each in shares) > 90


@pytest.mark.compiled
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_rocket_learns_to_land(tmp_path):
    said = printed_by("own_world", 60, folder=tmp_path)
    [mean] = re.findall(r"mean return ([0-9.]+) over 100 episodes", said)
    assert float(mean) > 50


@pytest.mark.interop
@pytest.mark.timeout(300)
def test_digits_are_told_within_two_points_of_logistic_regression(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not there; `make interop` installs it")
    said = printed_by("classify_digits", 2, folder=tmp_path)
    assert said.count("split") == 2
    [difference] = re.findall(r"difference ([+-][0-9.]+) points", said)
    assert float(difference) >= -2.0


@pytest.mark.interop
@pytest.mark.timeout(300)
def test_f1_is_better_than_that_of_logistic_regression(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not there; `make interop` installs it")
    said = printed_by("improve_f1", 10, folder=tmp_path)
    [(gain, margin, better)] = re.findall(r"evolved over logistic regression: ([+-][0-9.]+) ± ([0-9.]+), better on (\d+)", said)
    assert float(gain) - float(margin) > 0
    assert int(better) >= 9


@pytest.mark.compiled
def test_the_snippets_of_the_guide_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "guide"}
    for snippet in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(compile(snippet, "supervised.md", "exec"), names)  # noqa: S102
    xor, costs, row, stock = capsys.readouterr().out.splitlines()
    assert xor == "[0 1 1 0]"
    assert -0.1 < float(costs) <= 0
    assert [abs(float(number)) for number in row.strip("[]").split()] == pytest.approx([0, 1, 2, 3], abs=0.2)
    assert float(stock) == pytest.approx(113.5, abs=4)


def test_the_guide_tells_the_figures_of_the_examples():
    for name in NEEDS:
        assert f"python examples/{name}.py" in GUIDE
