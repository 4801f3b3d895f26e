"""`benchtui doctor` says of each backend what is installed, what is missing, and whether a server answers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchtui.backends.backend import Need
from benchtui.backends.hf import HF
from benchtui.backends.ollama import OLLAMA
from benchtui.backends.openai import OPENAI
from benchtui.backends.registry import BUILT_IN
from benchtui.doctor.backends import Wanted, backend_examinations
from benchtui.doctor.check import Check
from benchtui.doctor.examine import run_together
from tests.wizard.described import EVIL, FILES, install, library_server
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama
from tests.worker.answering.openai.fake import Fake

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


@pytest.fixture(autouse=True)
def backends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.backends.registry.BUILT_IN", {"openai": OPENAI})
    install(tmp_path / "packages", monkeypatch, "FILES", "NEEDY", "LIBRARY", "NOWHERE")


def examined(outputs: Path, wanted: Wanted, seconds: float = 20.0) -> Mapping[str, Check]:
    return {check.name: check for check in run_together(backend_examinations(outputs, wanted), seconds)}


def test_what_is_missing_is_a_problem_only_for_the_backend_that_is_wanted(tmp_path: Path) -> None:
    found = examined(tmp_path, Wanted("files"))
    assert found["files backend"] == Check("files backend", "ok", "nothing to install")
    needy = found["needy backend"]
    assert (needy.status, needy.next_step) == ("absent", "python -m pip install no-such-package")
    assert "no-such-package, which is not installed" in needy.message
    assert found["nowhere backend"].status == "absent"
    assert "cannot be imported" in found["nowhere backend"].message
    assert found["openai backend"].message == "no server named; --server URL asks one"
    assert examined(tmp_path, Wanted("needy"))["needy backend"].status == "problem"
    unknown = examined(tmp_path, Wanted("nobody"))["nobody backend"]
    assert (unknown.status, unknown.message) == ("problem", "There is no backend 'nobody'.")


def test_a_server_tells_its_product_and_its_models(tmp_path: Path) -> None:
    class Vllm(Fake):
        model, owned_by = EVIL, "vllm"

    with Vllm() as server:
        found = examined(tmp_path, Wanted("openai", server.url))
    said = found["openai backend"]
    assert said.status == "ok"
    assert said.message.startswith(f"vllm at {server.url}; it has [bold red]evil[/]")
    assert "\x1b" not in said.message


def test_a_server_is_asked_for_the_named_backend_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.backends.registry.BUILT_IN", {"ollama": OLLAMA, "openai": OPENAI, "hf": HF})
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with Fake() as server:
        found = examined(tmp_path, Wanted("openai", server.url))
        assert found["openai backend"].status == "ok"
        assert (found["ollama backend"].status, "127.0.0.1:9" in found["ollama backend"].message) == ("absent", True)
        assert not [asked.path for asked in server.asked if asked.path.startswith("/api")]
        assert server.url in examined(tmp_path, Wanted("hf", server.url))["ollama backend"].message


def test_ollama_is_looked_for_where_its_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.backends.registry.BUILT_IN", {"ollama": OLLAMA})
    with serving(FakeOllama(str)) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        said = examined(tmp_path, Wanted())["ollama backend"]
        assert (said.status, said.message) == ("ok", f"ollama 0.30.1 at {server.url}; it has fake:latest")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    assert examined(tmp_path, Wanted())["ollama backend"].status == "absent"
    assert examined(tmp_path, Wanted("ollama"))["ollama backend"].status == "problem"
    monkeypatch.setenv("OLLAMA_HOST", "no address at all")
    assert "is no address" in examined(tmp_path, Wanted())["ollama backend"].message


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    found = examined(tmp_path, Wanted("openai", nobody))["openai backend"]
    assert found.status == "problem"
    assert found.message.startswith(f"{nobody} does not answer as a server")
    assert found.next_step
    assert examined(tmp_path, Wanted("files", nobody))["library backend"].status == "warning"
    with library_server("m", silent=20) as url:
        late = examined(tmp_path, Wanted("library", url), seconds=0.3)
    assert late["library backend"].status == "warning"
    assert "took too long" in late["library backend"].message
    assert late["files backend"].status == "ok", "it takes no other along"


def test_what_nobody_has_tried_is_said(tmp_path: Path) -> None:
    said = examined(tmp_path, Wanted("files"))["library backend"].message
    assert said == "no server named; --server URL asks one; not verified on a live server"


def test_a_version_whose_numbers_nobody_checked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = (Need("pytest", "…", "9.0"), Need("click", "…", "1.2"))
    versions = {"pytest": "99.0+cpu", "click": "1.2+cpu"}
    monkeypatch.setattr("benchtui.python_environment.PythonEnvironment.version_of", lambda _, name: versions[name])
    described = dataclasses.replace(FILES, name="versions", needs=needs)
    monkeypatch.setattr("benchtui.backends.registry.BUILT_IN", {"versions": described})
    said = examined(tmp_path, Wanted("versions"))["versions backend"]
    assert said.message == "pytest 99.0+cpu (checked with 9.0), click 1.2+cpu"


def test_the_versions_that_numbers_were_checked_with_are_those_of_the_tests() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE))
    checked = {need.package: need.checked for one in BUILT_IN.values() for need in one.needs if need.checked}
    both = {package: version for package, version in checked.items() if package in pinned}
    assert both.keys() >= {"torch", "transformers", "llama-cpp-python"}
    assert both == {package: pinned[package] for package in both}
