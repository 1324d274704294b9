"""Learning curves and videos."""

import os
import subprocess
import sys

import imageio_ffmpeg
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image, ImageSequence

import evolvent as ev
from evolvent.cli.main import run as run_command
from evolvent.errors import EnvironmentFailed, EvolventError, UsageError
from evolvent.reporting.stage import Stage
from evolvent.training import RunFolder
from evolvent.training.callbacks import COLUMNS
from evolvent.training.history import History

SMALL = {"population": 8, "validation_episodes": 4, "test_episodes": 4, "max_steps": 30, "target": None}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run(tmp_path):
    return ev.evolve("CartPole-v1", generations=2, runs_dir=tmp_path / "runs", name="small", **SMALL)


def with_history(run, rows):
    run.folder.history.unlink()
    history = History(run.folder.history, COLUMNS)
    for row in rows:
        history.append(row)
    history.flush()
    return run.folder


# --- learning curves ---


@pytest.mark.parametrize(
    ("suffix", "signature"),
    [(".png", PNG), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", PNG)],
    ids=["png", "svg", "pdf", "PNG"],
)
def test_a_learning_curve_is_a_picture(run, tmp_path, suffix, signature):
    path = ev.plot(run, tmp_path / f"curve{suffix}")
    assert path.read_bytes().startswith(signature)


def test_a_learning_curve_is_as_large_as_a_page_is_wide(run, tmp_path):
    picture = Image.open(ev.plot(run.folder.path, tmp_path / "curve.png"))
    assert picture.width == 1200
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_a_long_title_stays_in_the_picture(tmp_path):
    restarts = "ipop:growth=1.5,largest=4,patience=300"
    run = ev.evolve(
        "CartPole-v1", generations=1, runs_dir=tmp_path, algorithm="openai_es:sigma=0.25", restarts=restarts, **SMALL
    )
    picture = np.asarray(Image.open(ev.plot(run, tmp_path / "curve.png")).convert("L"))
    assert picture[:60].min() < 100
    assert picture[:60, -8:].min() > 250


def test_a_single_generation_can_be_drawn(run, tmp_path):
    folder = with_history(run, [(0, 20.0, 10.0, 0, 15.0, 2.0, 100, 50, 0.1)])
    assert ev.plot(folder, tmp_path / "curve.png").exists()


def test_numbers_that_are_not_finite_leave_gaps(run, tmp_path):
    rows = [(k, 20.0 + k, 10.0, 0, -np.inf if k < 2 else 15.0, 2.0, 100 * k, 50 * k, 0.1 * k) for k in range(40)]
    assert ev.plot(with_history(run, rows), tmp_path / "curve.png").exists()


def test_numbers_that_are_too_large_to_draw_leave_gaps(run, tmp_path):
    folder = with_history(run, [(k, 1e308, -1e308, 0, 15.0, 1e308, 100 * k, 50 * k, 0.1 * k) for k in range(5)])
    assert ev.plot(folder, tmp_path / "curve.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_history_gives_the_same_picture(run, tmp_path, suffix):
    first, second = (ev.plot(run, tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
    assert first == second


def test_the_taste_of_the_user_does_not_change_a_picture(run, tmp_path):
    plain = ev.plot(run, tmp_path / "plain.png").read_bytes()
    with mpl.rc_context({"axes.facecolor": "black", "savefig.facecolor": "black", "font.size": 30}):
        assert ev.plot(run, tmp_path / "dark.png").read_bytes() == plain


def test_what_cannot_be_drawn_is_said(run, tmp_path):
    with pytest.raises(UsageError, match=r"expected a name that ends in .png, .svg, .pdf, got .jpg"):
        ev.plot(run, tmp_path / "curve.jpg")
    with pytest.raises(UsageError, match="there is no folder"):
        ev.plot(run, tmp_path / "nowhere" / "curve.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        ev.plot(run, tmp_path / "folder.png")
    with pytest.raises(UsageError, match="has no generation yet"):
        ev.plot(with_history(run, []), tmp_path / "curve.png")
    nowhere = ev.evolve("CartPole-v1", generations=1, runs_dir=None, **SMALL)
    with pytest.raises(UsageError, match="kept nowhere"):
        ev.plot(nowhere, tmp_path / "curve.png")


# --- videos ---


def test_of_an_endless_episode_the_first_steps_are_filmed(run, tmp_path, monkeypatch, capsys):
    for module in ("reporting.video", "cli.record"):
        monkeypatch.setattr(f"evolvent.{module}.LONGEST_FILM", 5)
    run.best.save(tmp_path / "best.safetensors")
    words = ["record", str(tmp_path / "best.safetensors"), "--out", str(tmp_path / "film.gif")]
    assert run_command(words) == 0
    assert "in 5 steps, the first of it; --max-steps films another length" in capsys.readouterr().out
    assert run_command([*words, "--max-steps", "7"]) == 0
    assert "in 7 steps\n" in capsys.readouterr().out


def test_an_mp4_shows_every_step_and_rests_on_the_last(run, tmp_path):
    recording = ev.record(run.best, "CartPole-v1", tmp_path / "film.mp4", max_steps=10)
    (episode,) = recording.episodes
    counted: tuple[int, float] = imageio_ffmpeg.count_frames_and_secs(str(recording.path))  # pyright: ignore[reportAssignmentType]
    frames, seconds = counted
    assert frames == episode.steps + 1 + 50
    assert seconds == pytest.approx(frames / 50, abs=0.05)
    reader = imageio_ffmpeg.read_frames(str(recording.path))
    size = next(reader)["size"]
    reader.close()
    assert size == (600, 400)


def test_a_gif_moves_at_true_speed(run, tmp_path):
    recording = ev.record(run.best, "CartPole-v1", tmp_path / "film.gif", max_steps=20, episodes=2)
    film = Image.open(recording.path)
    durations = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    seconds = sum(durations) / 1000
    shown = sum(episode.steps + 1 for episode in recording.episodes) + 2 * 50
    assert len(durations) > 5
    assert film.width == 300
    assert np.asarray(film.convert("RGB"))[2, 2].min() >= 254
    assert seconds == pytest.approx(shown / 50, abs=0.1)
    film.close()


def test_the_same_arguments_give_the_same_pictures(tmp_path):
    films = [ev.record(None, "CartPole-v1", tmp_path / name, max_steps=8, seed=3) for name in ("a.gif", "b.gif")]
    other = ev.record(None, "CartPole-v1", tmp_path / "c.gif", max_steps=8, seed=4)
    assert films[0].path.read_bytes() == films[1].path.read_bytes() != other.path.read_bytes()


def test_what_cannot_be_filmed_is_said(run, tmp_path):
    with pytest.raises(UsageError, match=r"expected a name that ends in .mp4, .gif, got .avi"):
        ev.record(run.best, "CartPole-v1", tmp_path / "film.avi")
    with pytest.raises(UsageError, match="there is no folder"):
        ev.record(run.best, "CartPole-v1", tmp_path / "nowhere" / "film.mp4")
    with pytest.raises(UsageError, match="the policy does not fit Pendulum-v1"):
        ev.record(run.best, "Pendulum-v1", tmp_path / "film.mp4")
    with pytest.raises(UsageError, match="episodes: expected at least 1"):
        ev.record(run.best, "CartPole-v1", tmp_path / "film.mp4", episodes=0)
    assert list(tmp_path.glob("film*")) == []


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, EnvironmentFailed])
def test_a_film_that_is_not_finished_leaves_nothing(tmp_path, monkeypatch, name, trouble):
    pictures = iter([Stage.picture] * 5)

    def failing(stage):
        picture = next(pictures, None)
        if picture is None:
            raise trouble
        return picture(stage)

    monkeypatch.setattr(Stage, "picture", failing)
    with pytest.raises(trouble):
        ev.record(None, "CartPole-v1", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# --- the commands ---


def test_the_commands_put_pictures_into_the_run_folder(run, tmp_path, capsys):
    runs = ["--runs-dir", str(tmp_path / "runs")]
    assert run_command(["plot", "small", *runs]) == 0
    assert run_command(["record", "small", "--max-steps", "5", *runs]) == 0
    assert (run.folder.path / "learning-curve.png").exists()
    assert (run.folder.path / "video.mp4").exists()
    assert "return 5.0 in 5 steps" in capsys.readouterr().out


def test_a_policy_file_is_filmed_beside_itself(run, tmp_path, capsys):
    path = run.best.save(tmp_path / "champion.safetensors")
    assert run_command(["record", str(path), "--max-steps", "5"]) == 0
    assert (tmp_path / "champion.mp4").exists()
    assert "champion.mp4" in capsys.readouterr().out


def test_a_random_agent_is_filmed_where_it_is_told(tmp_path, capsys):
    assert run_command(["record", "--random"]) == 2
    assert "--env CartPole-v1 --out random.gif" in capsys.readouterr().err
    out = tmp_path / "random.gif"
    assert run_command(["record", "--random", "--env", "CartPole-v1", "--out", str(out), "--max-steps", "5"]) == 0
    assert out.exists()


@pytest.mark.usefixtures("run")
def test_play_without_a_display_tells_what_to_do(tmp_path, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert run_command(["play", "small", "--runs-dir", str(tmp_path / "runs")]) == 2
    assert "record small" in capsys.readouterr().err


@pytest.mark.parametrize("video_driver", ["", "dummy"])
def test_mujoco_is_told_to_draw_without_a_display_while_it_is_filmed(monkeypatch, video_driver):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", video_driver)
    monkeypatch.setattr(sys, "platform", "linux")
    with Stage(None, "CartPole-v1", "rgb_array"):
        assert os.environ["MUJOCO_GL"] == "egl"
    assert "MUJOCO_GL" not in os.environ
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    with Stage(None, "CartPole-v1", "rgb_array"):
        assert os.environ["MUJOCO_GL"] == "osmesa"
    monkeypatch.delenv("MUJOCO_GL")
    monkeypatch.setenv("DISPLAY", ":0")
    with Stage(None, "CartPole-v1", "rgb_array"):
        assert "MUJOCO_GL" not in os.environ


@pytest.mark.usefixtures("run")
def test_play_shows_its_episodes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown = ["play", "small", "--episodes", "2", "--max-steps", "3", "--runs-dir", str(tmp_path / "runs")]
    assert run_command(shown) == 0
    assert "episode 2: return 3.0 in 3 steps" in capsys.readouterr().out


@pytest.mark.compiled
def test_the_demo_leaves_a_policy_a_picture_and_a_video(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [".venv/bin/evolvent"])
    assert run_command(["demo"]) == 0
    (folder,) = (tmp_path / "runs" / "CartPole-v1").iterdir()
    for name in ("best.safetensors", "learning-curve.png", "video.mp4"):
        assert (folder / name).exists()
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("solved") for line in lines)
    assert lines[-4] == "next:"
    assert [line.split()[1] for line in lines[-3:]] == ["play", "evaluate", "train"]
    assert max(len(line) for line in lines) <= 80


# --- what may be missing ---


@pytest.mark.parametrize(
    ("module", "package", "code"),
    [
        ("matplotlib", "matplotlib", "import evolvent as ev; ev.plot"),
        ("PIL", "pillow", "import evolvent as ev; ev.record"),
        ("imageio_ffmpeg", "imageio-ffmpeg", "import evolvent as ev; ev.record"),
    ],
)
def test_a_missing_library_is_named_with_its_install_line(module, package, code):
    hidden = f"import sys; sys.modules[{module!r}] = None; {code}"
    ended = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert f"need {package}, which is not installed" in ended.stderr
    assert "pip install 'evolvent[report]'" in ended.stderr


def test_videos_do_not_wait_for_matplotlib_nor_pictures_for_the_video_libraries():
    code = "import sys; import evolvent as ev; ev.{}; print(*sys.modules)"
    loaded = {
        name: subprocess.run(
            [sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True
        ).stdout.split()
        for name in ("record", "plot")
    }
    assert "matplotlib" not in loaded["record"]
    assert "imageio_ffmpeg" not in loaded["plot"]


def test_a_run_folder_without_history_is_told(tmp_path):
    with pytest.raises(EvolventError, match="no such file"):
        ev.plot(RunFolder(tmp_path), tmp_path / "curve.png")
