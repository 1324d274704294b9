import os
import signal
import subprocess
import sys
import time

import pytest

from evolvent.crew import Crew

INTERRUPTED_AT_RANDOM = """
import random, signal, time
from evolvent.crew import Crew


armed, interrupts, end = False, 0, time.monotonic() + 2


def interrupt(*_):
    global armed, interrupts
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 3e-3))
    if armed:
        armed, interrupts = False, interrupts + 1
        raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
crew = Crew(2, "test")
signal.setitimer(signal.ITIMER_REAL, 1e-3)
while time.monotonic() < end:
    try:
        armed = True
        while True:
            crew.do([lambda: 1, lambda: 2])
    except KeyboardInterrupt:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
assert crew.do([lambda: 1, lambda: 2]) == [1, 2]
crew.close()
print(interrupts)
"""


@pytest.fixture
def crew():
    crew = Crew(2, "test")
    yield crew
    crew.close()


def test_results_come_in_the_order_of_the_jobs(crew):
    def job(number):
        def work():
            time.sleep(0.01 * (number % 3))
            return number

        return work

    assert crew.do([job(number) for number in range(20)]) == list(range(20))
    assert crew.do([]) == []


def test_what_a_job_raises_reaches_the_caller_and_the_crew_goes_on(crew):
    with pytest.raises(ZeroDivisionError):
        crew.do([lambda: 1, lambda: 1 // 0])
    assert crew.do([lambda: 3]) == [3]


def test_work_for_threads_that_have_ended_is_refused(crew):
    crew.close()
    with pytest.raises(RuntimeError, match="its threads have ended"):
        crew.do([lambda: 1])


def test_work_in_a_fork_is_refused_for_threads_are_not_forked(crew, monkeypatch):
    monkeypatch.setattr("evolvent.crew.os.getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="make a task after a fork"):
        crew.do([lambda: 1])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on Windows")
def test_interrupts_at_any_moment_leave_no_thread_stuck():
    script = [sys.executable, "-c", INTERRUPTED_AT_RANDOM]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it does not bear them
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=30, env=env)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
