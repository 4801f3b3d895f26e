"""How each of two models is loaded by one plan."""

from __future__ import annotations

from benchtui.models.source import FolderSource, GgufSource, HybridPart, HybridSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.worker.answering.hybrid.part_plan import part_plan

FOLDER = HybridPart("hf", FolderSource(path="/models/large", identity="1", format="merged_16bit"))
FILE = HybridPart("gguf", GgufSource(path="/models/small.gguf", identity="2", format="gguf"))


def dtypes(small: HybridPart, large: HybridPart) -> tuple[str, str]:
    source = HybridSource(path="a + b", identity="3", format="pair", small=small, large=large)
    plan = LoadPlan("hybrid", source, PromptSettings(dtype="float32"))
    return part_plan(plan, small).prompts.dtype, part_plan(plan, large).prompts.dtype


def test_a_precision_is_meant_for_the_model_that_has_a_choice() -> None:
    assert dtypes(FILE, FOLDER) == ("auto", "float32")
    assert dtypes(FOLDER, FILE) == ("float32", "auto")
    assert dtypes(FOLDER, FOLDER) == ("float32", "float32")


def test_two_files_have_none_so_that_it_is_refused() -> None:
    assert dtypes(FILE, FILE) == ("float32", "float32")
