"""The seam where models are made to answer: no name of the hf backend occurs outside its own folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ROOT / "benchtui" / "worker" / "answering" / "hf"

NAMES = frozenset(
    {
        "AutoConfig",
        "AutoModelForCausalLM",
        "AutoPeftModelForCausalLM",
        "AutoTokenizer",
        "DynamicCache",
        "FastLM",
        "HFAnswering",
        "HFLM",
        "HFModel",
        "LmEvalEngine",
        "PeftModel",
        "_model_call",
        "_model_generate",
        "apply_chat_template",
        "batch_size_per_gpu",
        "disable_adapter",
        "get_base_model",
        "get_memory_footprint",
        "get_peft_model",
        "past_key_values",
        "tok_batch_encode",
    }
)
LIBRARIES = frozenset({"accelerate", "bitsandbytes", "peft", "safetensors", "torch", "transformers"})
BACKEND = "benchtui.worker.answering.hf"

ELSEWHERE = {
    "benchtui/tokens/arrays.py": "safetensors is the format of stores, whatever computed them",
    "benchtui/worker/answering/openai/tokens.py": "the tokenizer of a server's model, where its folder is known here",
    "benchtui/worker/benchmark/machine.py": "asks PyTorch which accelerator a run was computed on",
    "benchtui/worker/answering/vllm/open.py": "vLLM loads the same files: precision, pickles and errors are hf's",
    "benchtui/worker/answering/vllm/answering.py": "vLLM loads the same files: tokenizer and chat template are hf's",
    "benchtui/worker/tokens/statistics.py": "PyTorch computes the numbers of any backend's distributions",
    "benchtui/worker/tokens/heads.py": "only models of the hf backend have an output head that can be loaded alone",
    "benchtui/worker/tokens/states.py": "hidden states are tensors, and arrays in a store",
    "benchtui/worker/tokens/reading.py": "takes every backend's distributions as tensors",
    "benchtui/worker/tokens/pairs.py": "takes every backend's distributions as tensors",
    "benchtui/demo/train.py": "the demo's models are trained by hand, with transformers and peft",
    "benchtui/demo/tokenizer.py": "makes the tokenizer of the demo's models",
    "benchtui/reports/readme/usage.py": "writes the code that loads the model into a README",
    "benchtui/backends/hf.py": "the description of the hf backend, which names its module",
    "benchtui/worker/answering/chat_template.py": "renders every backend's chat templates in transformers' sandbox",
    "benchtui/worker/answering/lm_eval_model.py": "lm-eval calls this method of every model `apply_chat_template`",
    "benchtui/worker/benchmark/tasks/building.py": "an argument of lm-eval's build_all_requests, for every model",
    "benchtui/worker/benchmark/tasks/prompts.py": "an argument of lm-eval's fewshot_context, for every model",
    "benchtui/worker/benchmark/routing.py": "a key of the metadata that eval_hybrid.py writes",
}


def names_in(source: str) -> Iterator[str]:
    """Every name that a file's code uses, in whatever way: also as an argument's, and as a whole string (getattr)."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ImportFrom(module=str(name), names=names):
                yield name
                yield from (f"{name}.{alias.name}" for alias in names)
            case ast.Constant(value=str(name)):
                yield name


def of_hf(names: Iterator[str]) -> set[str]:
    return {name for name in names if name in NAMES or f"{name}.".startswith(f"{BACKEND}.")}


def imported(source: str) -> set[str]:
    """The libraries of hf's that a file imports, at its top or later."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
    return found & LIBRARIES


FILES = [
    file
    for package in ("benchtui", "screens")
    for file in sorted((ROOT / package).rglob("*.py"))
    if not file.is_relative_to(OWN)
]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("lm.batch_size_per_gpu = 3", {"batch_size_per_gpu"}),
        ("getattr(model, 'disable_adapter')()", {"disable_adapter"}),
        ("from benchtui.worker.answering.hf import memory", {BACKEND, f"{BACKEND}.memory"}),
        ("from lm_eval.models.huggingface import HFLM", {"HFLM"}),
        ("answering.score(requests)  # as HFLM does", set()),
    ],
)
def test_names_are_found(source: str, found: set[str]) -> None:
    assert of_hf(names_in(source)) == found


def test_no_name_of_hf_is_used_elsewhere() -> None:
    found = {}
    for file in FILES:
        source = file.read_text()
        if names := of_hf(names_in(source)) | imported(source):
            found[str(file.relative_to(ROOT))] = names
    assert {name: names for name, names in found.items() if name not in ELSEWHERE} == {}
    assert ELSEWHERE.keys() - found.keys() == set(), "an exception that is needed no more"
