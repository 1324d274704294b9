"""A world that shows itself, and who acts in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from evolvent.env_kwargs import as_arguments
from evolvent.envs import EnvSpec
from evolvent.errors import EnvironmentFailed, EvolventError, UsageError
from evolvent.policies import Policy
from evolvent.policies.actions import drawn_evenly, one_for_environment
from evolvent.seeding import Stream, stream
from evolvent.spaces import ActionSpace, Box, Discrete, shown_alike
from evolvent.tasks.gym_env import make
from evolvent.tasks.gym_episode import reset_seed
from evolvent.tasks.gym_packages import what_is_missing
from evolvent.training.problem import World, given_world, with_settings
from evolvent.training.scoring import test_seeds
from evolvent.training.worlds import arguments_for, building, env_spec

Agent = Callable[[Any], Any]
Frame = NDArray[np.uint8]

DEFAULT_FPS = 30.0
LONGEST_FILM = 3000  # steps of an episode that are filmed where nobody says: a minute, as most worlds run
VIDEO_DRIVER = "SDL_VIDEODRIVER"
DRAWN_WITHOUT_DISPLAY = {VIDEO_DRIVER: "dummy", "MUJOCO_GL": "egl"}  # Gymnasium's MuJoCo asks X11 for a window otherwise


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode, as far as it has come.

    Args:
        steps: How many there were.
        total_reward: Sum of their rewards; the return, once the episode is over.
    """

    steps: int
    total_reward: float


class Stage:
    """Plays episodes in a Gymnasium environment that renders itself; to be closed, or used in a `with` statement.

    Where there is no display, pygame and MuJoCo are told to draw without one: `SDL_VIDEODRIVER` is `dummy` and `MUJOCO_GL`
    is `egl`, in this process and until the stage is closed, unless the user has set them.

    Args:
        policy: Who acts, None for an agent whose every action is drawn evenly from the action space.
        env: Gymnasium id of the world; or a function that makes it, or a `spec`, as for `evolve`.
        render_mode: "rgb_array" for pictures, "human" for a window.
        env_kwargs: Keyword arguments of the world; those that the policy was evolved with where there are none.
        max_steps: Steps after which an episode ends; the world's own limit where there is none.
        seed: Of the episodes: those that `evolvent evaluate` measures with this seed in Gymnasium's world. Also of the
            random actions.

    Raises:
        UsageError: The world is unknown, the policy does not fit it, or nothing can be drawn evenly from its actions.
        EnvironmentFailed: The world cannot be built.
    """

    def __init__(
        self,
        policy: Policy | None,
        env: World,
        render_mode: Literal["rgb_array", "human"],
        *,
        env_kwargs: Mapping[str, Any] | Sequence[str] | None = None,
        max_steps: int | None = None,
        seed: int = 0,
    ) -> None:
        """Build the world."""
        if max_steps is not None and max_steps < 1:
            raise UsageError(f"max_steps: expected at least 1, got {max_steps}")
        env_id, its_own = given_world(env)
        chosen = its_own if env_kwargs is None else with_settings(its_own, {"env_kwargs": env_kwargs})
        arguments = arguments_for(policy, env_id, chosen.get("env_kwargs"))
        self.spec = env_spec(env_id, arguments)
        _refuse_misfit(policy, self.spec)
        self._policy = policy
        self._seed = seed
        self._max_steps = max_steps or its_own.get("max_steps") or self.spec.max_episode_steps
        off_screen = render_mode == "rgb_array" and not _has_screen()
        self._drivers = {n: v for n, v in DRAWN_WITHOUT_DISPLAY.items() if off_screen and not os.environ.get(n)}
        os.environ.update(self._drivers)
        with building(env_id):
            self._world = make(env_id, render_mode, as_arguments(arguments))

    def __enter__(self) -> Self:
        """Return the stage."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the world."""
        self.close()

    @property
    def fps(self) -> float:
        """Pictures in a second at which the world looks as fast as it is [1/s]."""
        return float(self._world.metadata.get("render_fps") or DEFAULT_FPS)

    def episode(self, number: int) -> Iterator[Episode]:
        """Play an episode and yield it as it is after the reset and after every step.

        Args:
            number: Which episode of this seed, from 0.

        Raises:
            EnvironmentFailed: The world raises an error.
        """
        seed = int(test_seeds(self._seed, number + 1)[number])
        act = self._agent(number, seed)
        with self._blamed():
            observation, _ = self._world.reset(seed=reset_seed(self._world, seed))
        steps, total_reward, over = 0, 0.0, False
        yield Episode(steps, total_reward)
        while steps < self._max_steps and not over:
            action = act(observation)
            with self._blamed():
                observation, reward, terminated, truncated, _ = self._world.step(action)
            steps, total_reward, over = steps + 1, total_reward + float(reward), terminated or truncated
            yield Episode(steps, total_reward)

    def picture(self) -> Frame:
        """Return what the world looks like, as `(height, width, 3)`: red, green and blue.

        Raises:
            EnvironmentFailed: The world does not render pictures.
        """
        with self._blamed():
            frame: Any = self._world.render()
        layout = (getattr(frame, "dtype", None), getattr(frame, "shape", ())[2:])
        if layout != (np.uint8, (3,)):
            raise EnvironmentFailed(
                f"{self.spec.id} cannot be filmed: with render_mode='rgb_array', render() must return an array"
                f" (height, width, 3) of uint8; got {type(frame).__name__}"
            )
        return frame

    def close(self) -> None:
        """Close the world and its window."""
        self._world.close()
        for name in self._drivers:
            os.environ.pop(name, None)

    def _agent(self, number: int, seed: int) -> Agent:
        if self._policy is None:
            return _random_agent(self.spec.action_space, stream(self._seed, "random agent", number))
        self._policy.reset(seed)
        return self._policy.act

    @contextmanager
    def _blamed(self) -> Generator[None]:
        try:
            yield
        except EvolventError:
            raise
        except Exception as problem:
            if missing := what_is_missing(self.spec.id, problem):
                raise UsageError(f"env: {self.spec.id} {missing}") from None
            raise EnvironmentFailed(f"{self.spec.id} failed: {type(problem).__name__}: {problem}") from problem


def has_display() -> bool:
    """Return whether a window can be expected to open; a user who sets `SDL_VIDEODRIVER` knows what it opens on."""
    return _has_screen() or bool(os.environ.get(VIDEO_DRIVER))


def _has_screen() -> bool:
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _random_agent(space: ActionSpace, draws: Stream) -> Agent:
    steps, as_handed = count(), one_for_environment(space)

    def act(observation: Any) -> Any:  # noqa: ARG001 - it does not look
        shares = draws.child(next(steps)).uniform((1, space.size))
        action = as_handed(drawn_evenly(shares, space))
        return int(action) if isinstance(space, Discrete) else action

    return act


def _refuse_misfit(policy: Policy | None, spec: EnvSpec) -> None:
    if policy is None:
        space = spec.action_space
        if isinstance(space, Box) and not np.isfinite([space.low, space.high]).all():
            raise UsageError(f"{spec.id}: a random agent needs actions with bounds, got {space}; give it a policy")
        return
    if not shown_alike(policy.observation_space, spec.observation_space) or policy.action_space != spec.action_space:
        raise UsageError(
            f"the policy does not fit {spec.id}: it is for observations in {policy.observation_space!s:.200} and actions in"
            f" {policy.action_space}, expected {spec.observation_space!s:.200} and {spec.action_space}"
        )
