"""What guards the engine of worker processes, the edit that takes each guard away, and the test that must then fail.

A copy of the source is changed, never the source itself.
"""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LIMIT = 60.0  # seconds; a test that hangs without its guard has failed


@dataclass(frozen=True)
class Guard:
    """A guard.

    Args:
        file: In which it is, below `src/evolvent`.
        text: What it is made of, once in the file.
        instead: What stands there without it.
        test: Which test must fail then.
        cheap: Whether that takes no worker, so that every change can be tried.
    """

    file: str
    text: str
    instead: str
    test: str
    cheap: bool = False


ORDER = "tests/test_processes.py::test_reports_in_any_order_make_the_same_evaluation"
FAULTS = "tests/test_worker_faults.py::"
PROGRAMS = "tests/test_worker_programs.py::"
GUARDS = {
    "joined by index": Guard("engines/work.py", "given.jobs[begin : begin + size]", "given.jobs[:size]", ORDER, cheap=True),
    "a report counts once": Guard("engines/work.py", "if begin != given.reported:", "if False:", ORDER, cheap=True),
    "NaN never leads": Guard(
        "evaluation.py",
        "return ~evaluation.failed & np.isfinite(evaluation.fitness)",
        "return ~evaluation.failed",
        "tests/test_algorithms.py::test_whoever_has_no_finite_fitness_never_leads",
    ),
    "seeds by address": Guard(
        "engines/work.py",
        "self._seeds[given.jobs]",
        "self._seeds[: len(given.jobs)]",
        "tests/test_processes.py::test_several_tasks_share_the_workers",
    ),
    "problems in order": Guard(
        "engines/work.py",
        "tuple(sorted(self._problems, key=lambda problem: problem[:2])[:MOST_PROBLEMS])",
        "tuple(self._problems[::-1][:MOST_PROBLEMS])",
        "tests/test_processes.py::test_who_failed_where_is_told_alike",
    ),
    "retry": Guard(
        "tasks/gym_env.py",
        "if played.problem is None or isinstance(played.problem, OutputsNotFinite):",
        "if True:",
        f"{FAULTS}test_a_fault_that_happens_once_changes_no_bit[exits]",
    ),
    "fresh environment": Guard(
        "tasks/gym_env.py",
        "if self._fresh_env:",
        "if False:",
        "tests/test_processes.py::test_a_world_whose_reset_forgets_nothing_can_be_built_anew_for_every_episode",
    ),
    "end of file means gone": Guard(
        "engines/worker_process.py",
        "    finally:\n        events.put((worker, None))",
        "    finally:\n        pass",
        f"{FAULTS}test_a_result_that_breaks_off_is_measured_again[60-False]",
    ),
    "gone without a word": Guard(
        "engines/processes.py",
        "if not seat.gone and seat.worker.is_gone():",
        "if False:",
        f"{FAULTS}test_a_worker_is_missed_though_a_fork_of_it_holds_its_pipes",
    ),
    "time limit": Guard(
        "engines/processes.py",
        "if self._waited - seat.heard > limit:",
        "if False:",
        f"{FAULTS}test_an_episode_that_hangs_once_changes_no_bit",
    ),
    "sleep is no silence": Guard(
        "engines/processes.py",
        "min(time.monotonic() - began, LONGEST_TICK)",
        "time.monotonic() - began",
        f"{FAULTS}test_a_machine_that_slept_ends_no_worker",
    ),
    "done again": Guard(
        "engines/processes.py",
        "work.give_back(again)",
        "pass",
        f"{FAULTS}test_a_fault_that_happens_once_changes_no_bit[deaths]",
    ),
    "strikes": Guard(
        "engines/processes.py",
        "STRIKES: Final = 2",
        "STRIKES: Final = 2000",
        f"{FAULTS}test_who_kills_its_worker_again_and_again_fails_alone[segfaults-settings0]",
    ),
    "cap of deaths": Guard(
        "engines/processes.py",
        "self._deaths += 1",
        "self._deaths += 0",
        f"{FAULTS}test_too_many_deaths_end_the_evaluation",
    ),
    "memory": Guard(
        "engines/worker.py",
        "> limit:",
        "> 1e18:",
        f"{FAULTS}test_a_worker_that_holds_too_much_is_replaced_between_episodes",
    ),
    "stdout is not the pipe": Guard(
        "engines/worker.py",
        "os.dup2(2, 1)",
        "pass",
        f"{FAULTS}test_what_a_world_does_to_its_process_changes_no_bit[prints-3000000]",
    ),
    "output is bounded": Guard(
        "engines/worker_process.py",
        "while size > KEPT_OUTPUT:",
        "while False:",
        f"{FAULTS}test_what_a_world_does_to_its_process_changes_no_bit[prints-3000000]",
    ),
    "one thread": Guard(
        "engines/worker_process.py",
        '**dict.fromkeys(ONE_THREAD, "1"), ',
        "",
        f"{FAULTS}test_few_threads_run_in_a_worker_unless_the_user_wants_more",
    ),
    "the whole group": Guard(
        "engines/worker_process.py",
        "os.killpg(self.pid, signal.SIGKILL)",
        "pass",
        f"{FAULTS}test_what_a_world_does_to_its_process_changes_no_bit[spawns_child-None]",
    ),
    "lifeline": Guard(
        "lifeline.py",
        " | os.O_ASYNC",
        "",
        f"{PROGRAMS}test_whatever_workers_are_doing_they_end_with_their_program",
    ),
    "exit code": Guard(
        "errors.py",
        "exit_code: ClassVar[int] = 5",
        "exit_code: ClassVar[int] = 1",
        f"{PROGRAMS}test_workers_that_cannot_live_end_the_run_with_5",
    ),
}


def fails_without(name, folder):
    """Tell whether the test of a guard fails once the guard is away from a copy of the repository in `folder`."""
    guard = GUARDS[name]
    for part in ("src", "tests", "pyproject.toml"):
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    place = folder / "src" / "evolvent" / guard.file
    text = place.read_text(encoding="utf-8")
    assert text.count(guard.text) == 1, f"{guard.file} has {guard.text!r} {text.count(guard.text)} times"
    place.write_text(text.replace(guard.text, guard.instead), encoding="utf-8")
    return _fails(guard.test, folder)


def _fails(test, folder):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "PYTEST"))}
    surroundings["PYTHONPATH"] = str(folder / "src")
    with subprocess.Popen(command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        with suppress(subprocess.TimeoutExpired):
            said, _ = process.communicate(timeout=LIMIT)
            assert process.returncode in {0, 1}, said.decode(errors="replace")
            return process.returncode == 1
        process.kill()
    return True
