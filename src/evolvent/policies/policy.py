"""A policy: a network, one parameter row and an action rule; an observation goes in, an action comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evolvent.arrays import Actions, Outputs, Row, as_numbers
from evolvent.env_kwargs import as_text
from evolvent.errors import ContractBroken, UsageError
from evolvent.moments import Moments
from evolvent.networks import Network, in_words
from evolvent.policies import policy_file
from evolvent.policies.acting import Act, Outputting, compile_act, compile_outputs, refuse_misfits
from evolvent.policies.actions import AUTO, draws, fitting_rule, for_environment, one_for_environment
from evolvent.policies.memories import Memories, carried, given, with_starts
from evolvent.policies.normaliser import normalised
from evolvent.policies.observations import BRIGHTEST, Inputs, Show, batch_size, encoder, of_batch
from evolvent.policies.policy_file import PolicyRecord
from evolvent.spaces import ActionSpace, Box, Discrete, Space


class Policy:
    """Acts on observations.

    A policy whose network remembers carries its memory from step to step, until `reset` begins another episode. Observations
    that come as a batch are of as many episodes side by side, each with a memory of its own; between two calls of `reset`
    there are as many in every batch.

    Args:
        network: Its sizes fit the spaces.
        row: `(dim,)`, the network's parameters.
        observation_space: Of what the policy is shown.
        action_space: Of what it answers.
        action_rule: What makes answers of the network's outputs: argmax or sampled where there are choices, clipped or tanh
            in a box; "auto" is the first of the two.
        env_id: The world that it was evolved for, as text.
        env_kwargs: The keyword arguments of that world, or texts `name=value`.
        provenance: Where it comes from, as text: versions, seed, score.
        normaliser: The moments by which the network's inputs are normalised, as they were where it was evolved; None shows
            them as they are.

    Raises:
        UsageError: The row or a space does not fit the network.

    Examples:
        >>> import numpy as np
        >>> from evolvent.envs import CARTPOLE
        >>> from evolvent.networks import MLP
        >>> network = MLP(sizes=(4, 16, 2))
        >>> row = np.zeros(network.dim, np.float32)
        >>> spec = CARTPOLE.spec
        >>> policy = Policy(network, row, observation_space=spec.observation_space, action_space=spec.action_space)
        >>> policy.act([0.0, 0.1, 0.0, -0.1])
        0
    """

    def __init__(  # noqa: PLR0913 - what acts, in which spaces, and where it comes from
        self,
        network: Network,
        row: Row,
        *,
        observation_space: Space,
        action_space: ActionSpace,
        action_rule: str = AUTO,
        env_id: str = "",
        env_kwargs: Mapping[str, Any] | Sequence[str] = (),
        provenance: Mapping[str, str] | None = None,
        normaliser: Moments | None = None,
    ) -> None:
        """Bind `row` to `network`."""
        _refuse_misfits(network, row, observation_space, action_space)
        _refuse_odd_moments(normaliser, network.num_inputs)
        self.network = network
        self.row = np.array(row, np.float32)
        self.observation_space = observation_space
        self.action_space = action_space
        self.action_rule = fitting_rule(action_rule, action_space)
        self.env_id = env_id
        self.env_kwargs = as_text(env_kwargs)
        self.provenance = dict(provenance or {})
        self.normaliser = normaliser
        self._draws = draws(action_space, self.action_rule)
        self.reset(seed=0)

    @cached_property
    def _act(self) -> Act:
        return compile_act(self.network, self.action_space, self.action_rule)

    @cached_property
    def _act_likeliest(self) -> Act:
        return compile_act(self.network, self.action_space, AUTO if self._draws else self.action_rule)

    @cached_property
    def _one_for_environment(self) -> Callable[[Actions], Any]:
        return one_for_environment(self.action_space)

    @cached_property
    def _outputs(self) -> Outputting:
        return compile_outputs(self.network)

    def __repr__(self) -> str:
        """Return what the policy is made of, in a line."""
        world = repr(self.env_id) if self.env_id else "any world of its spaces"
        return f"Policy({in_words(self.network)}, {self.network.dim} parameters, for {world})"

    def act(self, observation: Any) -> Any:
        """Return the action for one observation, or the actions for a batch of them.

        Args:
            observation: One of the observation space, or `n` of them: an array `(n, *shape)`. Of a tuple's or a dict's space a
                batch is a tuple or a dict of such arrays, as Gymnasium's and Stable-Baselines3's vectorised worlds show it.

        Returns:
            For a discrete space an int, or `(n,)` int64; else an array of the space's shape and type, or `(n, *shape)`. A rule
            that draws takes the draws of the next step of the episode that `reset` began.

        Raises:
            UsageError: The observation is not of the space, is not made of numbers, or makes the network overflow; or a network
                that remembers is shown a batch of another size than since `reset`.
        """
        batch, single = self._batch(observation)
        memories = carried(self._memories, self.network, len(batch))
        answer = self._answer(batch, single=single, memories=memories, draw=self._draws)
        self._memories = memories
        return answer

    def outputs(self, observation: Any) -> Outputs:
        """Return what the network puts out, before the action rule: scores of discrete actions or of classes.

        Args:
            observation: As for `act`.

        Returns:
            `(num_outputs,)`, or `(n, num_outputs)` for a batch. Those of a network that remembers are what it would put out if
            it were shown this next; only `act` goes a step on.

        Raises:
            UsageError: The observation is not of the space, or is not made of numbers; or as for `act`.
        """
        batch, single = self._batch(observation)
        outputs = np.empty((len(batch), self.network.num_outputs), np.float32)
        memories = carried(self._memories, self.network, len(batch))
        self._outputs(self.row, batch, outputs, *([] if memories is None else [memories]))
        return outputs[0] if single else outputs

    def reset(self, seed: int | None = None) -> None:
        """Forget the episode so far: what the network remembers of it, if it remembers anything.

        Args:
            seed: Of the episode that begins, from which the draws of its actions follow, if the rule draws: with the seed of a
                measured episode they are the ones that were drawn there. Without one, they go on where they are.
        """
        self._memories: Memories | None = None
        if seed is not None:
            self._key, self._step = np.uint64(seed), 0

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,  # noqa: FBT001, FBT002 - as in Stable-Baselines3
    ) -> tuple[NDArray[Any], Any]:
        """Return `(action, state)` as Stable-Baselines3's models do, so that its `evaluate_policy` takes a policy as it is.

        Args:
            observation: As for `act`.
            state: What the network remembers of each environment `(n, memory size)`, as the last call returned it; None where
                all begin. It is apart from what `act` remembers. Where a network remembers nothing it is handed back.
            episode_start: Which environments begin an episode `(n,)`: what was remembered of them is forgotten.
            deterministic: Whether the answer is the likeliest one where the action rule draws; else it makes no difference.
        """
        batch, single = self._batch(observation)
        memories = given(state, self.network, len(batch))
        if memories is not None:
            with_starts(memories, self.network, episode_start)
        answer = self._answer(batch, single=single, memories=memories, draw=self._draws and not deterministic)
        return np.asarray(answer), state if memories is None else memories.astype(np.float32)

    def save(self, path: str | Path) -> Path:
        """Write the policy to one safetensors file and return its path; an older file is replaced in one step.

        Raises:
            StorageFailed: The file cannot be written; an older one is untouched.
        """
        record = PolicyRecord(
            network=self.network,
            observation_space=self.observation_space,
            action_space=self.action_space,
            action_rule=self.action_rule,
            env_id=self.env_id,
            env_kwargs=self.env_kwargs,
            provenance=self.provenance,
            normaliser=self.normaliser,
        )
        policy_file.save(Path(path), record, self.row)
        return Path(path)

    def _answer(self, batch: Inputs, *, single: bool, memories: Memories | None, draw: bool) -> Any:
        actions = np.empty((len(batch), self.action_space.size))
        carrying = [] if memories is None else [memories]
        if draw:
            self._step += 1
            finite = self._act(self.row, batch, actions, *carrying, self._key, self._step)
        else:
            finite = self._act_likeliest(self.row, batch, actions, *carrying)
        if not finite:
            raise UsageError("observation: the network's outputs are not finite numbers; is there a NaN or infinity in it?")
        if not single:
            return for_environment(actions, self.action_space)
        answer = self._one_for_environment(actions)
        return int(answer) if isinstance(self.action_space, Discrete) else answer

    def _batch(self, observation: Any) -> tuple[Inputs, bool]:
        """Return the inputs `(n, num_inputs)` for one observation or a batch of them, and whether it is one."""
        inputs, single = self._encoded(observation)
        return normalised(inputs, self.normaliser), single

    def _encoded(self, observation: Any) -> tuple[Inputs, bool]:
        if isinstance(self.observation_space, Box):
            return self._numbers(observation, self.observation_space)
        inputs, show = self._shown
        try:
            n = batch_size(self.observation_space, observation)
            if n is None:
                show(observation)
                return inputs, True
            batch = np.empty((n, len(inputs[0])))
            for k in range(n):
                show(of_batch(self.observation_space, observation, k))
                batch[k] = inputs[0]
        except ContractBroken as problem:
            raise UsageError(str(problem)) from None
        return batch, False

    def _numbers(self, observation: Any, space: Box) -> tuple[Inputs, bool]:
        shape = space.shape
        values = as_numbers(observation, "observation", str(shape))
        single = values.shape == shape
        if not single and (values.shape[1:] != shape or not values.shape):
            batch = f"(n,{','.join(f' {length}' for length in shape)})"
            raise UsageError(f"observation: expected shape {shape}, or {batch} for a batch, got {values.shape}")
        inputs = np.ascontiguousarray(values.reshape(-1, self.network.num_inputs), np.float64)
        return inputs / BRIGHTEST if space.is_bytes else inputs, single

    @cached_property
    def _shown(self) -> tuple[Inputs, Show]:
        """The inputs `(1, num_inputs)` for a single observation, and what writes there."""
        inputs = np.zeros((1, self.network.num_inputs))
        return inputs, encoder(self.observation_space, inputs[0])


def load_policy(path: str | Path) -> Policy:
    """Return the policy in a file that `Policy.save` wrote.

    Nothing in a file can run code or name something to import.

    Raises:
        UsageError: There is no such file.
        FileRefused: The file is damaged, too new, or something else than a policy.

    Examples:
        >>> from evolvent.errors import UsageError
        >>> try:
        ...     load_policy("missing.safetensors")
        ... except UsageError as error:
        ...     print("no policy there")
        no policy there
    """
    record, row = policy_file.load(Path(path))
    return Policy(
        record.network,
        row,
        observation_space=record.observation_space,
        action_space=record.action_space,
        action_rule=record.action_rule,
        env_id=record.env_id,
        env_kwargs=record.env_kwargs,
        provenance=record.provenance,
        normaliser=record.normaliser,
    )


def _refuse_misfits(network: Network, row: Row, observation_space: Space, action_space: ActionSpace) -> None:
    if row.shape != (network.dim,):
        raise UsageError(f"row: the network {in_words(network)} has {network.dim} parameters, got shape {row.shape}")
    refuse_misfits(network, observation_space, action_space)


def _refuse_odd_moments(moments: Moments | None, size: int) -> None:
    if moments is not None and not (moments.mean.shape == moments.squares.shape == (size,)):
        raise UsageError(
            f"normaliser: expected the moments of {size} numbers, those of an observation, got {moments.mean.shape} and"
            f" {moments.squares.shape}"
        )
