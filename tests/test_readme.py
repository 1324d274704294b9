"""The code of the README and of the documentation runs as it is printed."""

import re
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from evolvent.envs import ENVS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "contributing.md")]
SHORTENED = re.compile(r"^ *\.\.\.$", re.MULTILINE)  # an excerpt, not meant to run


def snippets(page):
    """Return the page's Python, each with its place; those of one page build on one another."""
    text = page.read_text(encoding="utf-8")
    blocks = re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    found = [(text[: block.start()].count("\n") + 1, block[1]) for block in blocks]
    return [(line, code) for line, code in found if not SHORTENED.search(code) and "--8<--" not in code]


@pytest.fixture
def _forgets_worlds():
    """Take away the worlds that a page has registered."""
    registries: Any = (ENVS, gymnasium.registry)
    before = [dict(registry) for registry in registries]
    yield
    for registry, known in zip(registries, before, strict=True):
        registry.clear()
        registry.update(known)


@pytest.mark.compiled
@pytest.mark.timeout(240)  # a page may compile a world of its own
@pytest.mark.usefixtures("_forgets_worlds")
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": page.stem.replace("-", "_")}
    for line, code in snippets(page):
        exec(compile("\n" * line + code, str(page), "exec"), space)  # noqa: S102


def test_the_tests_that_the_page_on_reliability_names_exist():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)`(?:, `([\w ]+)`)?", page)
    assert len(named) > 40
    for file, words in named:
        tests = re.findall(r"def (test_\w+)", (ROOT / "tests" / file).read_text(encoding="utf-8"))
        for word in words.split(" or "):
            assert any(word in test for test in tests), (file, word)


def test_ask_tell_loop_takes_ten_lines():
    loop = next(code for _, code in snippets(ROOT / "README.md") if "algorithm.ask" in code)
    statements = [line for line in loop.splitlines() if line and not line.startswith(("import", "print"))]
    assert len(statements) <= 10
