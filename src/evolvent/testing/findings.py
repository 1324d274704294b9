"""What was found about a Gymnasium environment: what it is, what it means for a run, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from evolvent.files import JsonObject

Kind = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Args:
        kind: "error" where a run would fail, "warning" where it would be another one than is wanted, "note" for the rest.
        key: Which finding it is, in a word that stays the same from version to version.
        headline: What was found.
        meaning: What it means for a run.
        mend: What to do about it.
    """

    kind: Kind
    key: str
    headline: str
    meaning: str
    mend: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found about an environment.

    Args:
        env_id: What was looked at.
        findings: The errors first, then warnings, then notes.
        figures: What was measured: names, and numbers or text; `seconds_a_step` and `steps_a_second` among them.
    """

    env_id: str
    findings: tuple[Finding, ...] = ()
    figures: JsonObject = field(default_factory=dict[str, Any])

    @property
    def trains(self) -> bool:
        """Whether a run in this environment would work."""
        return all(each.kind != "error" for each in self.findings)


ORDER: tuple[Kind, ...] = ("error", "warning", "note")


def finding(key: str, **facts: object) -> Finding:
    """Return a finding of the table below, with what was found filled in."""
    kind, headline, meaning, mend = TABLE[key]
    texts = {"headline": headline, "meaning": meaning, "mend": mend}
    return Finding(kind=kind, key=key, **{name: text.format(**facts) for name, text in texts.items()})


FAILS = "Such an episode fails its individual, which ranks last; a run stops where more than a fifth of a generation fails."
OTHER_API = "An environment of the older gym's API is refused."
BRING_UP_TO_DATE = "Bring it up to date, or wrap it with the package shimmy: {should}."
NOT_THE_SAME = "A run cannot be repeated, and a resumed run goes on otherwise; individuals are not compared on equal terms."
KEEPS_OUT = "A run is not harmed: worker processes keep it to themselves. A run in one process would be."

TABLE: dict[str, tuple[Kind, str, str, str]] = {
    # --- nothing to train in ---
    "cannot_be_built": (
        "error",
        "it cannot be built: {problem}",
        "No run can begin.",
        "Call gymnasium.make with the same arguments in a fresh interpreter, and mend what it raises.",
    ),
    "cannot_be_sent": (
        "error",
        "another process cannot build it: {problem}",
        "Worker processes would have no environment.",
        "Define it at the top level of a module that registers it, and name it module:Id.",
    ),
    "unsupported_space": (
        "error",
        "{problem}",
        "No policy can be made for it.",
        "Wrap it so that it shows or takes something else: gymnasium.wrappers has TransformObservation and TransformAction.",
    ),
    "older_reset": ("error", "reset() has the older API: {found}", OTHER_API, BRING_UP_TO_DATE),
    "older_step": ("error", "step() has the older API: {found}", OTHER_API, BRING_UP_TO_DATE),
    "hangs": (
        "error",
        "{method} has not come back after {limit:g} s: {where}",
        "A worker that hangs is ended and its episode fails; where every episode does, a run gets nowhere.",
        "Give what it waits for a time limit. If it is only slow, allow more: --time-limit (seconds).",
    ),
    "dies": (
        "error",
        "the process dies in {method}: {how}{where}",
        "A worker that dies is replaced and its episode tried again; where it happens often, the run stops.",
        "Look into the native library that the place names, or into memory running out.",
    ),
    "leaves": (
        "error",
        "{method} ends the process with os._exit, exit code {code}",
        "A worker that dies is replaced and its episode tried again; where it happens often, the run stops.",
        "Raise an exception instead.",
    ),
    "fails_in_a_run": (
        "error",
        "a run would fail in it: {problem}",
        FAILS,
        "Mend what the message names.",
    ),
    "second_copy_fails": (
        "error",
        "a second copy in another process does not work: {problem}",
        "A run on several workers has a copy in each of them.",
        "Look for what there is one of only: a port, a file that is locked, a device. Meanwhile --workers 1 has one copy.",
    ),
    # --- episodes that fail ---
    "raises": (
        "error",
        "{method} raises {problem}, in {share}",
        FAILS,
        "Mend it there; a catch in the environment that ends the episode will do where the simulator cannot be mended.",
    ),
    "wrong_shape": (
        "error",
        "an observation is {found} where the space says {expected}, in {share}",
        FAILS,
        "Make the observation, or observation_space, what the other one is.",
    ),
    "not_in_space": (
        "error",
        "an observation is not one of its space {place}: {found}, in {share}",
        FAILS,
        "Make the observation, or observation_space, what the other one is.",
    ),
    "not_finite": (
        "error",
        "an observation holds {found}, in {share}",
        FAILS,
        "Look for a division by zero, or a simulation that explodes: end the episode there, or clip the numbers.",
    ),
    "odd_reward": (
        "error",
        "a reward is {found}, which is no finite number, in {share}",
        FAILS,
        "Give a number: float(reward).",
    ),
    "odd_end": (
        "error",
        "terminated or truncated is {found}, which is no truth value, in {share}",
        FAILS,
        "Give True or False.",
    ),
    # --- another run than is wanted ---
    "not_deterministic": (
        "warning",
        "the same seed and the same actions give another episode: {found}",
        NOT_THE_SAME,
        "{mend}",
    ),
    "other_in_other_process": (
        "warning",
        "the same seed and the same actions give another episode in another process: {found}",
        NOT_THE_SAME + " The number of workers changes the result.",
        "Look for the order of a set, for hash(), for what a module or class keeps, and for the process id.",
    ),
    "leaks_state": (
        "warning",
        "something survives reset(): {found}",
        "What an individual is paid depends on who played before it, and on the number of workers.",
        "Set it anew in reset(). Until then --fresh-env builds the environment anew for every episode.",
    ),
    "leaks_memory": (
        "warning",
        "it keeps about {megabytes:.2g} MB more with every episode",
        "A worker that has grown too large is replaced, which costs time; without workers the run grows.",
        "Look for a list that grows, and for what close() and reset() do not give back.",
    ),
    "seeds_globals": (
        "warning",
        "it seeds the global random generators, of {found}",
        "Other code of the process then draws the same numbers again and again. A run of ours does not use those generators.",
        "Draw from self.np_random, which reset(seed=seed) of gymnasium.Env seeds.",
    ),
    "outside": (
        "warning",
        "an observation lies outside its space: {found}",
        "A run says so once and goes on with the number as it is.",
        "Widen the bounds of observation_space, or clip the number.",
    ),
    # --- for information ---
    "other_dtype": (
        "note",
        "observations are {found}, the space says {expected}",
        "They are taken as they are; networks compute in float32.",
        "Give observations the type of the space, where others than Evolvent use them.",
    ),
    "no_limit": (
        "note",
        "it has no time limit: an episode goes on after {longest:,} steps",
        "An episode is truncated after {cap:,} steps, and counts as it is then.",
        "Register it with max_episode_steps, or say --max-steps.",
    ),
    "prints": (
        "note",
        "it prints {found}",
        "Worker processes keep it from the terminal; it costs time.",
        "Take it away, or use the module logging.",
    ),
    "closes_stdout": ("note", "it closes stdout", KEEPS_OUT, "Leave sys.stdout and the descriptor 1 open."),
    "changes_folder": (
        "note",
        "it changes the working directory to {found}",
        KEEPS_OUT + " Paths that are not absolute then mean other files.",
        "Use paths from Path(__file__).parent.",
    ),
    "takes_signals": (
        "note",
        "it takes signals over: {found}",
        KEEPS_OUT + " There Ctrl-C or the end of a batch job would not stop it.",
        "Leave the handlers of signals to the program.",
    ),
    "leaves_threads": (
        "note",
        "threads are left after close(): {found}",
        KEEPS_OUT,
        "End them in close().",
    ),
    "leaves_children": (
        "note",
        "processes are left after close(): {found}",
        "They are ended with the worker that started them. A run in one process would leave them.",
        "End them in close().",
    ),
    "slow_first_step": (
        "note",
        "the first step of a process takes {seconds:.2g} s",
        "It is not counted against an episode's time, but each worker pays it once.",
        "Cache what is compiled there on disk.",
    ),
    "cut_short": (
        "note",
        "it is too slow to look at all in {limit:g} s",
        "Whether the same seed gives the same episode was not tried.",
        "Allow more: --time-limit (seconds).",
    ),
    "close_raises": (
        "note",
        "close() raises {problem}",
        "A run says so and goes on.",
        "Mend it there.",
    ),
    "cheap_steps": (
        "note",
        "a step costs {microseconds:.1f} us: Python itself is most of it",
        "The compiled CartPole makes {rate} steps/s on one core here, its policy included: about {times:,.0f} in that time.",
        "A small simulator can be written as a compiled world: docs/own-world.md builds one.",
    ),
    "little_memory": (
        "note",
        "a worker takes {megabytes:,.0f} MB: {fit} fit into the memory that is free, of {cores} that the cores allow",
        "More of them would be ended by the system.",
        "--workers {fit}",
    ),
    "compiled_wrong": (
        "error",
        "{problem}",
        "The world does not compile, or computes something else when it does.",
        "docs/own-world.md tells what to write instead.",
    ),
    "runs_compiled": (
        "note",
        "a run takes the compiled form of this world",
        "What is said here is about Gymnasium's form, which --world gymnasium takes.",
        "",
    ),
}
