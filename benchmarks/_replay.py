"""The barest loop over a Gymnasium environment: the very actions of a policy's episodes, recorded and played again."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import gymnasium

from evolvent.arrays import Population
from evolvent.envs import EnvSpec
from evolvent.evaluation import Conditions
from evolvent.networks import Network
from evolvent.tasks.gym_env import make
from evolvent.tasks.gym_episode import Player


class Recorded(NamedTuple):
    """An episode.

    Args:
        seed: Of its first state.
        actions: In their order.
    """

    seed: int
    actions: list[Any]


class Recorder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps which actions an environment is given."""

    def __init__(self, env: Any) -> None:
        """Begin with no episode."""
        super().__init__(env)
        self.episodes: list[Recorded] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode."""
        self.episodes.append(Recorded(seed or 0, []))
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        """Keep an action and do it."""
        self.episodes[-1].actions.append(copy.deepcopy(action))
        return self.env.step(action)


class Replay:
    """What a task's episodes cost without the task: `env.step` with the actions that it took, and nothing else.

    Args:
        spec: Of the world.
        env_kwargs: Of its environment.
        network: That acts.
        population: Its rows.
        conditions: Of the episodes.
    """

    def __init__(
        self, spec: EnvSpec, env_kwargs: dict[str, Any], network: Network, population: Population, conditions: Conditions
    ) -> None:
        """Record the episodes, and make sure that they are the same without a policy."""
        recorder = Recorder(make(spec.id, env_kwargs=env_kwargs))
        player = Player(recorder, spec, network)
        cap = conditions.episode_cap or spec.max_episode_steps
        played = [
            player.play(row, int(seed), cap) for row, seeds in zip(population, conditions.seeds, strict=True) for seed in seeds
        ]
        recorder.close()
        self.episodes = recorder.episodes
        self.steps = sum(each.steps for each in played)
        self._env = make(spec.id, env_kwargs=env_kwargs)
        again = [self._total(each) for each in self.episodes]
        if again != [each.total for each in played]:
            raise SystemExit(f"{spec.id} pays other rewards for the same actions from the same seeds: nothing can be compared")

    def __call__(self) -> int:
        """Play all episodes and return how many steps they had."""
        env = self._env
        for seed, actions in self.episodes:
            env.reset(seed=seed)
            for action in actions:
                env.step(action)
        return self.steps

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _total(self, episode: Recorded) -> float:
        self._env.reset(seed=episode.seed)
        return float(sum(float(self._env.step(action)[1]) for action in episode.actions))
