"""The pages about Python are true: every example prints what the page says, every name and default stands there."""

from __future__ import annotations

import doctest
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchtui import api
from benchtui.backends.openai import OWN_SCORES
from benchtui.backends.registry import BUILT_IN
from benchtui.worker.answering.gguf.answering import GgufAnswering
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.next_token import Distributions
from benchtui.worker.answering.ollama.answering import OllamaAnswering
from benchtui.worker.answering.openai.answering import OpenAIAnswering
from benchtui.worker.answering.openai.llama_answering import LlamaServerAnswering
from benchtui.worker.answering.vllm.answering import VllmAnswering
from tests.e2e.commands import benchtui

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "python.md"
NOTEBOOK = DOCS / "compare_models.ipynb"


def _headings() -> dict[str, str]:
    """The name in each heading of a function, and its parameters as they are written there."""
    found = re.findall(r"^### (\w+)\((.*)\)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: parameters.replace("\\", "") for name, parameters in found}


def _public() -> dict[str, Callable[..., Any]]:
    from benchtui.worker.answering.loaded_model import LoadedModel

    there = {name: getattr(api, name) for name in api.__all__}
    functions = {name: one for name, one in there.items() if inspect.isfunction(one) or one is api.HybridGenerator}
    methods = {name: method for name, method in inspect.getmembers(LoadedModel, inspect.isfunction) if name[0] != "_"}
    return functions | methods


def _written(function: Callable[..., Any]) -> str:
    """The parameters of a function as a heading has them: names and defaults, no types."""
    words = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        sign = {parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f"={_default(parameter.default)}"
        words.append(f"{sign}{parameter.name}{default}")
    return ", ".join(words)


def _default(value: object) -> str:
    return f'"{value}"' if isinstance(value, (str, Path)) else repr(value)


def test_every_public_function_and_method_stands_there_with_its_parameters_and_defaults() -> None:
    public = _public()
    headings = _headings()
    assert set(headings) == {*public, "Choice"}
    assert {name: headings[name] for name in public} == {name: _written(public[name]) for name in public}


def _gives() -> dict[str, dict[str, str]]:
    """What the page's table says of each backend, by method."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    names, *rows = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
    said: dict[str, dict[str, str]] = {name: {} for name in names[1:]}
    for methods, *cells in rows:
        for method in methods.split(", "):
            for name, cell in zip(said, cells, strict=True):
                said[name][method] = cell
    return said


def test_the_table_says_of_every_backend_what_it_gives() -> None:
    """A cell holds "✓" where each of its models gives it, words where some do, and "–" where none does."""
    said = _gives()
    assert list(said) == list(BUILT_IN)
    for name, backend in BUILT_IN.items():
        served = name == "openai"
        full = backend.gives.distributions == "full"
        given = {
            "generate": backend.gives.generate,
            "chat": True,
            "log_likelihood": backend.gives.loglikelihood,
            "get_tokenizer": backend.gives.loglikelihood,
            "get_logits": full or served,
            "get_probabilities": full or served,
        }
        assert {method: cell != "–" for method, cell in said[name].items()} == given
    assert {cell for method, cell in said["openai"].items() if method.startswith("get_l")} == {
        f"{', '.join(sorted(OWN_SCORES))} only"
    }
    ways = {"hf": HFAnswering, "gguf": GgufAnswering, "ollama": OllamaAnswering, "vllm": VllmAnswering}
    for name, answering in ways.items():
        assert issubclass(answering, Distributions), name
    assert not issubclass(OpenAIAnswering, Distributions)
    assert issubclass(LlamaServerAnswering, Distributions)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody typed `benchtui demo`."""
    folder = tmp_path_factory.mktemp("pages")
    finished = benchtui("demo", cwd=folder, timeout=280)
    assert finished.code == 0, finished.err
    return folder


@pytest.mark.slow
@pytest.mark.long
def test_every_example_prints_what_the_page_says(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 20
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.slow
@pytest.mark.long
def test_the_notebook_runs_from_its_first_cell_to_its_last(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(DOCS.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without output"
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(demo)}}).execute()
    printed = "\n".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    )
    assert "possible catastrophic forgetting" in printed
    assert "not met" in printed
    assert "KL divergence at each token" in printed
