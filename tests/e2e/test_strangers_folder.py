"""A folder that came from somebody else: whatever lies in it, none of it runs, and none of it passes for the hub's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Hub
from tests.e2e.commands import Finished, benchtui
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

CANARIES = ("sitecustomize.py", "usercustomize.py", "conftest.py", "lm_eval.py", "torch.py", "setup.py", "task.py",
            "lm_eval/__init__.py", "benchtui/__init__.py", "screens/__init__.py", "hf.py", "utils.py", "x.pth",
            "generate.py", "custom_generate/generate.py", "modeling_llama.py", "tokenization.py")  # fmt: skip
GENERATION_TASK = (
    "task: writing\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
    "output_type: generate_until\ndoc_to_text: '{{{{question}}}}'\ndoc_to_target: '{{{{gold}}}}'\n"
    "generation_kwargs:\n  until: ['.']\n  max_gen_toks: 4\n{extra}metric_list:\n  - metric: exact_match\n"
)


class Stranger:
    """The folder `place`, a model in its outputs, and a file `ran` elsewhere that canaries write to."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.place = folder / "downloaded"
        self.model = self.place / "outputs" / "tuned" / "merged_16bit"
        shutil.copytree(model, self.model)
        self.ran_file = folder / "ran"
        self.tasks = folder / "my tasks"
        write_choice_task(self.tasks, "mine", write_data(folder / "data.jsonl"))
        (self.tasks / "writing.yaml").write_text(GENERATION_TASK.format(data=folder / "data.jsonl", extra=""))

    def canary(self, name: str = "") -> str:
        return f"open({str(self.ran_file)!r}, 'a').write({name or 'it'!r} + ' ')\n"

    def plant(self, folder: Path, names: tuple[str, ...] = CANARIES) -> None:
        for name in names:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            code = self.canary(name)
            file.write_text(f"import os; {code}" if name.endswith(".pth") else code)

    @property
    def ran(self) -> str:
        return self.ran_file.read_text() if self.ran_file.exists() else ""

    def run(self, *arguments: str, task: str = "mine") -> Finished:
        common = ("run", "--tasks", task, "--include-path", str(self.tasks), "--no-base", "--no-readme")
        return benchtui(*common, "--device", "cpu", *arguments, cwd=self.place)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "merged_16bit", chat_template=True)


@pytest.fixture
def stranger(tmp_path: Path, model: Path) -> Stranger:
    return Stranger(tmp_path, model)


def test_no_file_in_any_of_its_folders_runs(stranger: Stranger) -> None:
    place, model = stranger.place, stranger.model
    for folder in (place, place / "outputs", model.parent, model):
        stranger.plant(folder)
    (place / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p evil"\n')
    (place / ".env").write_text("PYTHONSTARTUP=conftest.py\n")
    first = stranger.run("--offline")
    assert first.code == 0, first.err
    benchmarks = model.parent / "benchmarks"
    (run,) = (benchmarks / "fine-tuned").iterdir()
    for folder in (benchmarks, run, run / "run", run / "lm-eval"):
        stranger.plant(folder)
    (run / "run" / "lm_eval.sh").write_text(f"#!/bin/sh\necho ran > {stranger.ran_file}\n")
    (run / "run" / "done.json").unlink()
    for command in (
        ("resume", str(run), "--include-path", str(stranger.tasks)),
        ("models",), ("runs",), ("history",), ("summarize",), ("compare", str(run), str(run)), ("readme", "--check"),
        ("suites",), ("tasks", "mine", "--include-path", str(stranger.tasks)), ("doctor",), ("gate",), ("note", "x"),
        ("attach", str(run)), ("cancel", str(run)),
    ):  # fmt: skip
        done = benchtui(*command, cwd=place)
        assert "Traceback" not in done.err, done.err
        assert stranger.ran == "", command
    inside = benchtui("run", "--tasks", "mine", "--include-path", stranger.tasks, "--no-base", "--no-readme", cwd=model)
    assert "Traceback" not in inside.err
    assert stranger.ran == ""


REPOSITORY_CODE: dict[str, Callable[[Path], None]] = {}


def repository_code(change: Callable[[Path], None]) -> Callable[[Path], None]:
    REPOSITORY_CODE[change.__name__] = change
    return change


def _merge(file: Path, **keys: object) -> None:
    file.write_text(json.dumps((json.loads(file.read_text()) if file.exists() else {}) | keys))


@repository_code
def auto_map_of_the_config(model: Path) -> None:
    auto = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M", "AutoTokenizer": ["evil.T", "evil.T"]}
    _merge(model / "config.json", auto_map=auto)


@repository_code
def auto_map_of_the_tokenizer(model: Path) -> None:
    _merge(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", "evil.T"]})


@repository_code
def a_tokenizer_class_that_nobody_knows(model: Path) -> None:
    keys = {"auto_map": {"AutoTokenizer": ["evil.T", None]}, "tokenizer_class": "EvilTokenizer"}
    _merge(model / "tokenizer_config.json", **keys)


@repository_code
def auto_map_of_a_processor(model: Path) -> None:
    for name in ("processor_config.json", "preprocessor_config.json", "feature_extractor.json"):
        _merge(model / name, auto_map={"AutoProcessor": "evil.P", "AutoImageProcessor": "evil.P"}, processor_class="P")


@repository_code
def auto_map_in_generation_config(model: Path) -> None:
    keys = {"auto_map": {"GenerationConfig": "evil.G"}, "custom_generate": str(model), "trust_remote_code": True}
    _merge(model / "generation_config.json", **keys)


@repository_code
def a_folder_custom_generate(model: Path) -> None:
    pass  # it is planted beside all of them


@repository_code
def kernels_named_in_the_config(model: Path) -> None:
    _merge(model / "config.json", attn_implementation=str(model), _attn_implementation_internal=str(model))


@pytest.mark.parametrize(
    "change",
    [pytest.param(name, marks=() if number == 0 else pytest.mark.long) for number, name in enumerate(REPOSITORY_CODE)],
)
def test_code_in_the_models_repository_never_runs_unasked(stranger: Stranger, change: str) -> None:
    stranger.plant(stranger.model, ("evil.py", "custom_generate/generate.py", "generate.py", "build/torch/__init__.py"))
    REPOSITORY_CODE[change](stranger.model)
    finished = stranger.run("--offline", task="writing")
    listed = benchtui("models", cwd=stranger.place)
    assert stranger.ran == "", finished.err
    assert "Traceback" not in finished.err + listed.err
    named = ("--trust-remote-code", "evil", "attn_implementation")
    assert finished.code == 0 or any(word in finished.err for word in named), finished.err


SETTINGS = {
    "custom_generate in generation settings": 'gen-kwargs = {custom_generate = "evil", trust_remote_code = true}',
    "the same as text": 'gen-kwargs = "custom_generate=evil,trust_remote_code=True"',
    "custom_generate alone": 'gen-kwargs = {custom_generate = "evil"}',
    "a kernel": 'model-args = ["attn_implementation=evil/kernel"]',
    "a folder of tasks": 'include-path = ["evil"]',
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_benchtui_toml_that_came_with_it_runs_nothing(stranger: Stranger, setting: str) -> None:
    stranger.plant(stranger.place / "evil", ("custom_generate/generate.py", "generate.py"))
    (stranger.place / "benchtui.toml").write_text(f"[run]\n{SETTINGS[setting]}\n")
    finished = benchtui("run", "--tasks", "ifeval", "--no-base", "--no-readme", "--offline", cwd=stranger.place)
    assert stranger.ran == ""
    assert finished.code == 2, finished.err
    assert "which the file of a folder cannot allow" in finished.err
    assert not (stranger.model.parent / "benchmarks").exists(), "said before anything is begun"


def test_what_the_user_allows_does_run(stranger: Stranger) -> None:
    """The canaries would have been noticed: with the flag, the same file runs."""
    code = stranger.canary() + "def generate(model, input_ids, **_):\n    return input_ids\n"
    folder = stranger.place / "evil" / "custom_generate"
    folder.mkdir(parents=True)
    (folder / "generate.py").write_text(code)
    _merge(stranger.place / "evil" / "config.json", model_type="llama")
    arguments = ("--gen-kwargs", '{"custom_generate": "./evil", "trust_remote_code": true}', "--engine", "lm-eval")
    refused = stranger.run(*arguments, task="writing")
    assert refused.code == 2, refused.err
    assert stranger.ran == ""
    stranger.run(*arguments, "--trust-remote-code", task="writing")
    assert stranger.ran


def test_a_task_of_ones_own_needs_the_flag_for_code_of_a_repository(stranger: Stranger) -> None:
    stranger.plant(stranger.place / "evil", ("custom_generate/generate.py", "generate.py"))
    extra = f"  custom_generate: {stranger.place / 'evil'}\n  trust_remote_code: true\n"
    data = stranger.tasks.parent / "data.jsonl"
    (stranger.tasks / "writing.yaml").write_text(GENERATION_TASK.format(data=data, extra=extra))
    finished = stranger.run("--offline", task="writing")
    assert finished.code == 1
    assert "--trust-remote-code" in finished.err
    assert stranger.ran == ""


def test_no_folder_here_takes_the_place_of_a_data_set(stranger: Stranger, hub: Hub) -> None:
    write_data(stranger.place / "openai" / "gsm8k" / "test.jsonl", [{"question": "1 + 1", "answer": "#### 3"}] * 10)
    finished = benchtui(
        "run", "--tasks", "gsm8k", "--limit", "2", "--no-base", "--no-readme", cwd=stranger.place, env=hub.env
    )
    assert finished.code == 1, finished.err
    assert "would be taken from the folder openai/gsm8k" in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.long
def test_no_folder_here_takes_the_place_of_a_metric(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "here" / "rouge").mkdir(parents=True)
    (tmp_path / "here" / "rouge" / "rouge.py").write_text(f"open({str(ran)!r}, 'w')\n")
    script = """
import sys
from benchtui.worker.benchmark.tasks.local_names import refuse_local_metrics
if sys.argv[1] == "guarded":
    refuse_local_metrics()
import evaluate
evaluate.load("rouge")
"""
    said = {}
    for way in ("guarded", "bare"):
        command = [sys.executable, "-P", "-c", script, way]
        env = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command, cwd=tmp_path / "here", env=env, capture_output=True, text=True, check=False, timeout=200
        )
        said[way] = done.stderr
        if way == "guarded":
            assert not ran.exists()
    assert "BenchtuiError: The metric rouge would be taken from the folder of that name" in said["guarded"]
    assert ran.exists(), "else this test would see nothing"
