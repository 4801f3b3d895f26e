"""run/lm_eval.sh: what lm-eval itself reads of it is what benchtui evaluates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lm_eval._cli.harness import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig

from benchtui.models.source import FolderSource, HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.plans.plan import Permissions
from benchtui.tasks.suites import TaskPlan
from tests.settings.sayings import HOSTILE

STANDS_IN = f"""#!{sys.executable}
import json, os, sys
at = sys.argv.index("--config") + 1 if "--config" in sys.argv else 0
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps([sys.argv[1:], open(sys.argv[at]).read() if at else None]), file=calls)
"""
"""Writes down what a shell gives to `lm_eval`, and the text of its configuration file, which goes away."""


def a_plan(**changes: Any) -> BenchmarkPlan:
    facts: dict[str, Any] = {
        "model_name": "m",
        "role": "fine-tuned",
        "source": HubSource("org/base", "x", revision="abc"),
        "tasks": (TaskPlan("hellaswag"),),
        "prompts": PromptSettings(),
        "bench_id": "b",
        "created": "now",
    }
    return BenchmarkPlan(**(facts | changes))


def read_by_lm_eval(script: str, folder: Path) -> list[EvaluatorConfig]:
    """What lm-eval makes of each command that /bin/sh runs of `script`."""
    file, stub, calls = folder / "lm_eval.sh", folder / "bin" / "lm_eval", folder / "calls"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(STANDS_IN)
    stub.chmod(0o755)
    calls.write_text("")
    file.write_text(script, encoding="utf-8")
    subprocess.run(["bash", "-n", file], check=True, capture_output=True)
    environment = os.environ | {
        "PATH": f"{stub.parent}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "TMPDIR": str(folder),
    }
    subprocess.run(["/bin/sh", file], check=True, env=environment, cwd=folder)
    found = []
    for line in calls.read_text().splitlines():
        arguments, config = json.loads(line)
        if config is not None:
            arguments[arguments.index("--config") + 1] = str(folder / "config.yaml")
            (folder / "config.yaml").write_text(config, encoding="utf-8")
        found.append(EvaluatorConfig.from_cli(HarnessCLI()._parser.parse_args(arguments)))
    assert not list(folder.glob("tmp*")), "no file is left behind"
    return found


TEXTS = st.sampled_from([*HOSTILE, "1", "True", "None", "nan", "a,b=c", "[1,2", "{", "'", "-1", "1_0", "</think>"])
VALUES = st.recursive(
    st.booleans() | st.none() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)
TABLES = st.dictionaries(st.sampled_from(["temperature", "until", "x"]) | TEXTS, VALUES, max_size=3)
LIMITS = st.none() | st.sampled_from([1.0, 1234567.0, 0.1, 0.123456789, 1e-05]) | st.integers(1, 2**31 - 1).map(float)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    tables=st.tuples(TABLES, TABLES),
    limits=st.lists(LIMITS, min_size=1, max_size=3, unique=True),
    instruction=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | TEXTS,
    folders=st.lists(TEXTS.map(lambda name: f"/tasks of mine/{name}"), max_size=3, unique=True),
    path=TEXTS.map(lambda name: f"/models/{name}"),
    think_end=st.none() | TEXTS,
)
def test_lm_eval_reads_what_is_evaluated(
    tmp_path: Path,
    tables: tuple[dict[str, Any], dict[str, Any]],
    limits: list[float | None],
    instruction: str | None,
    folders: list[str],
    path: str,
    think_end: str | None,
) -> None:
    model_args, gen_kwargs = tables
    prompts = PromptSettings(
        chat_template="x",
        system_instruction=instruction,
        gen_kwargs=gen_kwargs,
        think_end_token=think_end,
        enable_thinking=True,
        max_length=512,
        model_args=model_args,
        seeds=(1, 2, 3, 4),
    )
    plan = a_plan(
        source=FolderSource(path, "x", adapter=f"{path}/adapter", tokenizer=path),
        tasks=tuple(TaskPlan(f"task_{number}", number, limit) for number, limit in enumerate(limits)),
        prompts=prompts,
        include_paths=tuple(folders),
    )
    found = read_by_lm_eval(equivalent_command(plan, dtype="bfloat16", device="cpu"), tmp_path)
    assert {tuple(config.tasks): (config.num_fewshot, config.limit) for config in found} == {
        (task.name,): (task.num_fewshot, task.limit) for task in plan.tasks
    }
    for config in found:
        expected = {
            "pretrained": path,
            "peft": f"{path}/adapter",
            "dtype": "bfloat16",
            "max_length": 512,
            "enable_thinking": True,
        }
        expected |= {"think_end_token": think_end} if think_end is not None else {}
        assert _typed(config.model_args) == _typed(expected | model_args)
        assert _typed(config.gen_kwargs) == _typed(gen_kwargs)
        assert config.system_instruction == instruction
        assert config.include_path == (folders if len(folders) > 1 else folders[0] if folders else None)
        assert (config.seed, config.device, config.batch_size) == ([1, 2, 3, 4], "cpu", "auto")
        assert config.apply_chat_template is True


def _typed(value: Any) -> str:
    """Two values that are equal only when they are of one type, all the way down: 1 is not True and not "1"."""
    return json.dumps(value, sort_keys=True)


def test_a_share_keeps_all_its_digits(tmp_path: Path) -> None:
    for limit in (1234567.0, 0.123456789):
        [config] = read_by_lm_eval(equivalent_command(a_plan(tasks=(TaskPlan("t", None, limit),))), tmp_path)
        assert config.limit == limit


@pytest.mark.parametrize("allowed", [True, False])
def test_permissions_are_those_of_the_run(tmp_path: Path, allowed: bool) -> None:
    plan = a_plan(permissions=Permissions(remote_code=allowed, unsafe_code=allowed, metric_code=allowed))
    script = equivalent_command(plan)
    assert ("export BENCHTUI_ALLOW_METRIC_CODE=1\n" in script) is allowed
    assert ("--trust_remote_code" in script, "--confirm_run_unsafe_code" in script) == (allowed, allowed)
    [config] = read_by_lm_eval(script.replace("--trust_remote_code", ""), tmp_path)  # which imports datasets
    assert config.confirm_run_unsafe_code is allowed


@pytest.mark.parametrize("beside", [True, False])
def test_the_tokenizer_beside_an_adapter_is_the_one_it_was_trained_with(tmp_path: Path, beside: bool) -> None:
    adapter = tmp_path / "lora"
    adapter.mkdir()
    if beside:
        (adapter / "tokenizer.json").write_text("{}")
    plan = a_plan(source=HubSource("org/base", "x", adapter=str(adapter)))
    [config] = read_by_lm_eval(equivalent_command(plan), tmp_path)
    assert config.model_args.get("tokenizer") == (str(adapter) if beside else None)


def test_an_adapter_beside_full_weights_is_not_put_on_top(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    [config] = read_by_lm_eval(equivalent_command(a_plan(source=FolderSource(str(tmp_path), "x"))), tmp_path)
    assert config.model_args["adapter_kwargs"] == {"subfolder": "not-applied"}
