"""`benchtui serve` in a real browser: the same application, driven by keys, ending at the comparison."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.demo.workspace import TASKS, Workspace, demo_paths, open_workspace
from benchtui.runs.directory import base_run, benchmarks_folder
from benchtui.runs.records import run_state
from tests.e2e.browser import Browser, needs_browser, served_application

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "demo")


@pytest.fixture
def served(workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """`benchtui serve` on the demo's models; the demo's tasks are the default through benchtui.toml."""
    tasks = json.dumps(list(TASKS))
    settings = f'[run]\ntasks = {tasks}\ninclude-path = "{demo_paths().tasks}"\ndevice = "cpu"\noffline = true\n'
    (tmp_path / "benchtui.toml").write_text(settings)
    with served_application(tmp_path, ("--outputs", workspace.outputs)) as url:
        yield url


def test_the_same_application_in_a_browser(served: str, workspace: Workspace, tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    try:
        browser.open(served)
        browser.wait_for("islands-400k-instructions")
        for key, seen in (
            ("b", "Compare it with the model"),
            ("Enter", "Which weights"),
            ("Enter", "The tasks named below"),
            ("Enter", "Suggested: "),
            ("Enter", "2 tasks known to lm-eval"),
            ("s", "Score so far"),
        ):
            browser.press(key)
            browser.wait_for(seen)
        browser.wait_for("The fine-tuned model is better at Following", 180)
        browser.press("Enter")
        browser.wait_for("unchanged")
    finally:
        browser.close()
    assert run_state(base_run(benchmarks_folder(workspace.model))) == "finished"


def test_the_page_loads_nothing_from_elsewhere(served: str) -> None:
    with urllib.request.urlopen(served, timeout=10) as answer:  # noqa: S310 - loopback
        page = answer.read().decode()
    assert "textual.js" in page
    assert not re.findall(r'(?:src|href)="https?://', page)
