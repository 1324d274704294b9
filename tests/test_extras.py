"""What happens where a package that an environment needs is not installed, and what an id of a game leads to."""

import subprocess
import sys
from collections import deque
from contextlib import closing

import gymnasium
import numpy as np
import pytest

import evolvent as ev
from evolvent.errors import UsageError
from evolvent.extras import missing_extra
from evolvent.tasks import gym_env, gym_episode
from evolvent.tasks.gym_packages import is_game
from tests.commands import command

PATIENCE = 50  # seconds
KINDS = tuple(f"gymnasium.envs.{kind}" for kind in ("box2d", "classic_control", "mujoco", "phys2d", "tabular"))


@pytest.fixture
def hide(monkeypatch):
    """Give a function that makes a module impossible to import, and forget what it was needed for."""

    def absent(module):
        for name in list(sys.modules):
            if name.partition(".")[0] == module or name.startswith(KINDS):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, module, None)
        for env_id in [each for each in gymnasium.registry if is_game(each)]:
            monkeypatch.delitem(gymnasium.registry, env_id)
        monkeypatch.setattr(gym_env, "_described", deque(maxlen=1))

    return absent


# --- a package is missing ---


@pytest.mark.parametrize(
    ("env_id", "module", "message"),
    [
        ("LunarLander-v3", "Box2D", "needs Box2D: pip install 'evolvent[box2d]'"),
        ("BipedalWalker-v3", "Box2D", "needs Box2D: pip install 'evolvent[box2d]'"),
        ("Hopper-v5", "mujoco", "needs MuJoCo: pip install 'evolvent[mujoco]'"),
        ("Hopper-v4", "mujoco", "needs MuJoCo: pip install 'evolvent[mujoco]'"),
        ("ALE/Pong-v5", "ale_py", "needs ale-py: pip install 'evolvent[atari]'"),
        ("ALE/Pingpong-v5", "ale_py", "needs ale-py: pip install 'evolvent[atari]'"),
        ("phys2d/CartPole-v1", "jax", "is written in JAX, which Evolvent does not bring: pip install 'gymnasium[jax]'"),
        ("tabular/Blackjack-v0", "jax", "is written in JAX, which Evolvent does not bring: pip install 'gymnasium[jax]'"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:gymnasium")
def test_the_line_that_installs_what_is_missing_is_said(hide, env_id, module, message):
    hide(module)
    with pytest.raises(UsageError) as refused:
        gym_env.describe(env_id)
    assert str(refused.value) == f"env: {env_id} {message}"


def test_a_missing_package_ends_the_command_with_a_line():
    code = "import sys; sys.modules['Box2D'] = None; from evolvent.cli.main import main; main()"
    words = command("train", "LunarLander-v3", program=("-c", code))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evolvent: env: LunarLander-v3 needs Box2D: pip install 'evolvent[box2d]'\n"


def test_pictures_that_cannot_be_drawn_name_what_draws_them(hide, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    hide("pygame")
    with pytest.raises(
        UsageError, match=r"^env: CartPole-v1 needs pygame for pictures: pip install 'evolvent\[classic-control\]'"
    ):
        ev.record(None, "CartPole-v1", tmp_path / "film.gif", max_steps=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("env_id", "newest"), [("Ant-v2", "Ant-v5"), ("Hopper-v3", "Hopper-v5"), ("Reacher-v2", "Reacher-v5")])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:gymnasium")
def test_a_version_that_is_withdrawn_names_the_newest(env_id, newest):
    with pytest.raises(UsageError) as refused:
        gym_env.describe(env_id)
    assert str(refused.value) == f"env: {env_id} is not part of this version of Gymnasium any more; take {newest}"


def test_an_environment_of_the_users_own_says_itself_what_it_needs():
    def build():
        import no_such_simulator  # noqa: F401, PLC0415  # pyright: ignore[reportMissingImports]

    gymnasium.register("extras/Own-v0", build)  # pyright: ignore[reportArgumentType]
    gymnasium.register("extras/Own-v1", "gymnasium.envs.classic_control:CartPoleEnv")
    with (
        pytest.raises(UsageError, match=r"^env: extras/Own-v0 needs something that is not installed: .*no_such_simulator"),
        pytest.warns(DeprecationWarning, match="out of date"),
    ):
        gym_env.describe("extras/Own-v0")


def test_the_cause_of_an_error_is_looked_for():
    error = gymnasium.error.DependencyNotInstalled("install it")
    error.__cause__ = ModuleNotFoundError("No module named 'mujoco.viewer'", name="mujoco.viewer")
    assert missing_extra(error) == "needs MuJoCo: pip install 'evolvent[mujoco]'"
    assert missing_extra(ModuleNotFoundError("no name")) is None
    assert missing_extra(ModuleNotFoundError(name="Box2Dungeon")) is None


# --- games ---


@pytest.mark.parametrize("env_id", ["ALE/Pong-v5", "ale_py:ALE/Pong-v5"])
def test_a_game_is_registered_when_it_is_asked_for_and_says_nothing(env_id):
    pytest.importorskip("ale_py")
    code = f"from evolvent.tasks import gym_env; print(gym_env.describe({env_id!r}).observation_space.shape)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("(128,)", "")


def test_an_entry_of_a_game_from_another_process_is_replaced_without_a_warning():
    pytest.importorskip("ale_py")
    code = (
        "import gymnasium; gymnasium.registry['ALE/Pong-v5'] = gymnasium.envs.registration.EnvSpec('ALE/Pong-v5');"
        "from evolvent.tasks import gym_env; print(gym_env.describe('ALE/Pong-v5').id)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("ALE/Pong-v5", "")


def test_no_other_world_imports_the_games():
    code = "from evolvent.tasks import gym_env; gym_env.describe('CartPole-v1'); import sys; print('ale_py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_policy_that_was_evolved_in_a_game_is_known_to_be_of_it():
    pytest.importorskip("ale_py")
    code = "from evolvent.tasks.gym_ids import is_registered as known; print(known('ALE/Pong-v5'), known('ALE/Pingpong-v5'))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True False", "")


def test_a_game_of_no_such_name_is_refused_with_the_nearest():
    pytest.importorskip("ale_py")
    with pytest.raises(UsageError, match=r'not a registered .*did you mean "ALE/Pong-v5"'):
        gym_env.describe("ALE/Pongg-v5")


def test_a_game_shows_its_memory_unless_pictures_are_asked_for():
    pytest.importorskip("ale_py")
    widths = [
        gym_env.describe("ALE/Pong-v5", each).observation_space.width for each in ({}, {"difficulty": 1}, {"obs_type": "rgb"})
    ]
    assert widths == [128, 128, 210 * 160 * 3]


# --- what is said of Gymnasium's own ---


@pytest.mark.parametrize("own", [True, False])
def test_that_an_observation_lies_outside_is_said_where_the_user_can_mend_it(own, monkeypatch, caplog):
    monkeypatch.setattr(gym_episode, "comes_with_gymnasium", lambda _: own)
    kwargs = {"mode": "odd_observation", "value": np.array([1.0, -1.5])}
    gymnasium.register("extras/Outside-v0", "evolvent.testing:FaultyEnv", max_episode_steps=9, kwargs=kwargs)
    with closing(gym_env.GymEnv("extras/Outside-v0", ev.MLP(sizes=(2, 2)))) as task:
        evaluation = task.evaluate(np.zeros((1, 6), np.float32), ev.Conditions(seeds=np.zeros((1, 1), np.uint64)))
    gymnasium.registry.pop("extras/Outside-v0")
    assert not evaluation.failed.any()
    assert caplog.text.count("an observation lies outside its space") == (not own)


@pytest.mark.parametrize("env_id", ["BipedalWalker-v3", "BipedalWalkerHardcore-v3"])
def test_what_a_walker_earns_does_not_depend_on_the_episode_before(env_id):
    pytest.importorskip("Box2D")
    network = ev.MLP(sizes=(24, 4), output_activation="tanh")
    row = network.initialise(1, ev.stream(3, "initial"))
    seeds = np.arange(12, dtype=np.uint64)[None]
    with closing(gym_env.GymEnv(env_id, network)) as task:
        one_way, the_other = (
            task.evaluate(row, ev.Conditions(seeds=each, episode_cap=150)).returns for each in (seeds, seeds[:, ::-1])
        )
    assert one_way.tolist() == the_other[:, ::-1].tolist()
