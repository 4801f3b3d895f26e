"""The same model through two backends: what only one of them has is named."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from benchtui.compare.settings import differing_settings
from benchtui.results.records import RunResults, Setting


def run(**settings: str) -> RunResults:
    return RunResults(
        Path("r"), Path("r"), Path("f"), "s", "m", "fine-tuned", "finished", dt.datetime(2026, 11, 28),  # noqa: DTZ001
        (), (), (), tuple(Setting(name.replace("_", "-"), value) for name, value in settings.items()),
    )  # fmt: skip


def test_what_only_one_backend_has_is_named() -> None:
    whole = run(backend="hf", dtype="bfloat16", engine="fast")
    small = run(backend="gguf", dtype="Q4_1", quantization="Q4_1", kv_type="f16", flash_attention="off")
    assert differing_settings(whole, small, ("16-bit", "GGUF")) == (
        "backend: hf (16-bit), gguf (GGUF)",
        "dtype: bfloat16 (16-bit), Q4_1 (GGUF)",
        "quantization: – (16-bit), Q4_1 (GGUF)",
        "kv-type: – (16-bit), f16 (GGUF)",
    )


def test_two_quantisations_are_told_apart_and_older_runs_say_nothing_new() -> None:
    a, b = (run(backend="gguf", quantization=kind) for kind in ("Q4_1", "Q8_0"))
    assert differing_settings(a, b, ("a", "b")) == ("quantization: Q4_1 (a), Q8_0 (b)",)
    assert differing_settings(run(backend="gguf"), b, ("a", "b")) == (), "not written down is not different"
