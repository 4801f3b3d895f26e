"""Small tasks of one's own on local JSON lines, for --include-path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

QUESTIONS: list[dict[str, Any]] = [
    {"question": f"the cat counts to {word}", "choices": ["ten", "dog", "sun"], "gold": number % 3}
    for number, word in enumerate(("ten", "the fox", "all day", "the sun", "the lazy dog", "brown"))
]


def write_data(file: Path, documents: list[dict[str, Any]] = QUESTIONS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return file


def write_choice_task(folder: Path, name: str, data: Path, extra: str = "") -> Path:
    """A multiple-choice task over the JSON lines in `data`; `extra` is more YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(
        f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_choice: '{{choices}}'\n"
        "doc_to_target: '{{gold}}'\nmetric_list:\n  - metric: acc\n" + extra
    )
    return file
