import subprocess
import sys

import pytest

WATCHED = """
import os, sys


def watch(event, arguments):
    if event.startswith("socket."):
        print("opened", event, arguments, file=sys.stderr, flush=True)
        os._exit(9)


sys.addaudithook(watch)
from evolvent.cli.main import run

for words in (
    "train CartPole-v1 --generations 2 --no-target --validation-episodes 3 --test-episodes 3 --name one",
    "train CartPole-v1 --generations 1 --no-target --world gymnasium --population 8 --max-steps 9 --name two",
    "resume one --generations 3",
    "evaluate one --episodes 3",
    "plot one",
    "runs",
    "envs",
):
    assert run(words.split()) == 0, words
"""


@pytest.mark.compiled
def test_no_command_opens_a_connection(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=55
    )
    assert done.returncode == 0, done.stderr


def test_a_connection_would_be_noticed():
    script = WATCHED.partition("from evolvent")[0] + "import socket\nsocket.socket()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 9
    assert "opened socket." in done.stderr
