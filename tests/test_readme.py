"""The README's code runs as it is printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.compiled
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet_runs(snippet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102


def test_ask_tell_loop_takes_ten_lines():
    loop = next(snippet for snippet in SNIPPETS if "algorithm.ask" in snippet)
    statements = [line for line in loop.splitlines() if line and not line.startswith(("import", "print"))]
    assert len(statements) <= 10
