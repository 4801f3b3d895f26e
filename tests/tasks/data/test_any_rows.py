"""Whatever stands in a file, it becomes a task of exactly its texts, or one line says what is wrong."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DATA_KINDS, DataSpec, MadeTask
from benchtui.tasks.data.trust import why_not_ours
from tests.tasks.data.made import documents_of

NAMES = [
    *("id", "question", "prompt", "instruction", "input", "context", "text", "answer", "label", "output", "target"),
    *(
        "choices",
        "options",
        "A",
        "B",
        "C",
        "messages",
        "conversations",
        "chosen",
        "rejected",
        "system",
        "pattern",
        "x y",
    ),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 6), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["A", "B", "1", "{{x}}", "user", "assistant", "\u2028", '["a", "b"]']),
)  # fmt: skip
TURN = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system", "bot"]), "content": LEAVES})
VALUES = st.one_of(
    LEAVES,
    st.lists(LEAVES, max_size=4),
    st.lists(TURN, max_size=4),
    st.fixed_dictionaries({"text": st.lists(LEAVES, max_size=3), "label": st.lists(LEAVES, max_size=3)}),
    st.dictionaries(st.text(max_size=3), LEAVES, max_size=3),
)
CHOICES = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=4)
FILLED = st.text(min_size=1, max_size=8).filter(str.strip) | st.integers(0, 3) | LEAVES
FITTING = [
    {"question": FILLED, "answer": FILLED},
    {"question": FILLED, "choices": CHOICES, "answer": st.sampled_from(["A", "B", "0", "1", "2", "C", 1])},
    {"question": FILLED, "A": FILLED, "B": FILLED, "answer": st.sampled_from(["A", "B", 1, 0])},
    {"messages": st.lists(TURN, min_size=2, max_size=4)},
    {"prompt": FILLED, "chosen": FILLED, "rejected": FILLED},
    {"text": FILLED},
]
ROWS = st.one_of(*(st.lists(st.fixed_dictionaries(row), min_size=1, max_size=3) for row in FITTING)) | st.sets(
    st.sampled_from(NAMES), min_size=1, max_size=5
).flatmap(lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(sorted(names), VALUES)), min_size=1, max_size=4))


def task_or_error(spec: DataSpec, folder: Path) -> MadeTask | BenchtuiError:
    try:
        return make_task(spec, folder)
    except BenchtuiError as error:
        return error


@given(
    rows=ROWS,
    kind=st.sampled_from([*[None] * 9, *DATA_KINDS]),
    prompt=st.sampled_from([*[None] * 9, "{{x}}", "question"]),
)
@settings(max_examples=300)
def test_any_rows_are_read_or_refused(rows: list[dict[str, Any]], kind: Any, prompt: str | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "mine.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        made = task_or_error(DataSpec(name="mine", source=str(file), kind=kind, prompt=prompt), folder / "tasks")
        if isinstance(made, BenchtuiError):
            assert made.what
            assert "\n" not in str(made)
            return
        found = documents_of(made)
        assert (len(found), why_not_ours(made.file)) == (len(rows), "")
        for one in found:
            assert one.target.strip()
            assert all(one.choices)
            assert one.gold is None or one.choices[one.gold] == one.targets[-1]
