"""The documents of both tasks, read from beside this file: no network, no cache, whatever the current folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


def instructions(**_metadata: Any) -> dict[str, Any]:
    """lm-eval's `custom_dataset` hook of demo_instructions: {"test": a datasets.Dataset}."""
    return _load("demo_instructions.jsonl")


def knowledge(**_metadata: Any) -> dict[str, Any]:
    """lm-eval's `custom_dataset` hook of demo_knowledge: {"test": a datasets.Dataset}."""
    return _load("demo_knowledge.jsonl")


def _load(file: str) -> dict[str, Any]:
    from datasets import Dataset

    lines = (_FOLDER / file).read_text(encoding="utf-8").splitlines()
    return {"test": Dataset.from_list([json.loads(line) for line in lines])}
