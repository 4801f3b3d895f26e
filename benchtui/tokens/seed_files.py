"""The files that the script eval.py of other people's notebooks wrote, made of a store: for scripts that read those.

    prompt_1/MODEL_stats_TIME.csv            the tokens of a model's text, one a line
    prompt_1/generated_texts_TIME.json       the prompt, and the text of each model
    aggregated_MODEL_stats_TIME.csv          the lines of all prompts, one behind another
    MODEL_token_analysis_current_TIME.csv    the same by the token that stands before (_next: by the token itself)
    summary_stats_TIME.json                  pandas' describe() of each model
    qcut_analysis_TIME.json                  bins of equal size by entropy and by probability
    model_comparison_TIME.json               means and percentiles, side by side
    tokens_TIME.parquet                      beside them: every line with its prompt, position and place in the text

A line is about the distribution after `current_token`; `next_token` is the text's. Only tokens of the text are
counted, never those of the prompt; entropies are in nats, at temperature 1.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.files import write_atomic
from benchtui.tokens.seed_tables import COLUMNS, bins, by_token, compared, prompt_numbers, summary_stats, token_table

if TYPE_CHECKING:
    import pandas as pd

    from benchtui.tokens.store import DistributionStore

EXPERIMENT = "model_comparison"
"""What an experiment without a name is called."""
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def write_seed_files(store: DistributionStore, output: Path, *, stamp: str, experiment: str = "") -> list[Path]:
    """Write the files into the folder `output`, which is made; `stamp` is the time in their names (20261128_143022).

    Returns the paths. Links in the folder are replaced, never followed. Raises BenchtuiError where the store cannot be
    read or the files cannot be written.
    """
    names = file_names(store.header.labels)
    numbers = prompt_numbers(store)
    prompts = max((max(own, default=0) for own in numbers), default=0)
    tables = {name: token_table(store, n, own) for n, (name, own) in enumerate(zip(names, numbers, strict=True))}
    facts = {"experiment_name": experiment or EXPERIMENT, "timestamp": stamp}
    found = {
        "summary_stats": {**facts, **summary_stats(tables, prompts)},
        "qcut_analysis": {**facts, "qcut_analysis": {name: bins(table) for name, table in tables.items()}},
        "model_comparison": {**facts, "model_comparison": {name: compared(table) for name, table in tables.items()}},
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
        return [
            *(place for name, table in tables.items() for place in _write_csv(output, name, table, prompts, stamp)),
            *_write_texts(output, store, names, numbers, stamp),
            *(place for name, table in tables.items() for place in _write_analysis(output, name, table, stamp)),
            *(_write_json(output / f"{title}_{stamp}.json", what) for title, what in found.items()),
            _write_parquet(output / f"tokens_{stamp}.parquet", tables),
        ]
    except OSError as error:
        raise BenchtuiError(
            f"{error.filename or output} cannot be written: {error.strerror or error}.", "Name another folder."
        ) from None


def file_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the models' names as parts of file names, none twice."""
    names: list[str] = []
    for label in labels:
        name = stem = _NOT_IN_NAMES.sub("_", label).strip("._")[:80] or "model"
        number = 1
        while name.casefold() in {other.casefold() for other in names}:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return tuple(names)


def _write_csv(output: Path, name: str, table: pd.DataFrame, prompts: int, stamp: str) -> Iterator[Path]:
    """Write the lines of each prompt, and those of all of them."""
    cuts = np.searchsorted(table["prompt_id"].to_numpy(), np.arange(1, prompts + 2))
    columns = [table[name].tolist() for name in COLUMNS]
    head = _csv([COLUMNS])
    whole = [head]
    for number in range(prompts):
        rows = range(int(cuts[number]), int(cuts[number + 1]))
        whole.append(
            _csv(
                (*(column[row] for column in columns[:2]), *(_number(column[row]) for column in columns[2:]))
                for row in rows
            )
        )
        place = _prompt_folder(output, number + 1) / f"{name}_stats_{stamp}.csv"
        write_atomic(place, head + whole[-1])
        yield place
    place = output / f"aggregated_{name}_stats_{stamp}.csv"
    write_atomic(place, "".join(whole))
    yield place


def _write_analysis(output: Path, name: str, table: pd.DataFrame, stamp: str) -> Iterator[Path]:
    for side in ("current", "next"):
        found = by_token(table, side)
        place = output / f"{name}_token_analysis_{side}_{stamp}.csv"
        rows = ([_number(cell) if isinstance(cell, float) else cell for cell in row] for row in found.itertuples(False))
        write_atomic(place, _csv([tuple(found.columns), *rows]))
        yield place


def _csv(rows: Iterable[Iterable[object]]) -> str:
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    return made.getvalue()


def _number(value: float) -> str:
    """Write all digits; nothing where it is not known (only the likeliest tokens were told)."""
    return repr(float(value)) if np.isfinite(value) else ""


def _prompt_folder(output: Path, number: int) -> Path:
    folder = output / f"prompt_{number}"
    if folder.is_symlink():
        raise BenchtuiError(f"{folder} is a link to another place.", "Remove it, or name another folder.")
    return folder


def _write_texts(
    output: Path, store: DistributionStore, names: Sequence[str], numbers: Sequence[Sequence[int]], stamp: str
) -> Iterator[Path]:
    found: dict[int, dict[str, str]] = {}
    for model, (name, own) in enumerate(zip(names, numbers, strict=True)):
        for number, document in zip(own, store.texts(model).documents, strict=True):
            found.setdefault(number, {"prompt": document.prompt})[f"{name}_text"] = document.answer
    for number, texts in sorted(found.items()):
        yield _write_json(_prompt_folder(output, number) / f"generated_texts_{stamp}.json", texts)


def _write_json(place: Path, found: Any) -> Path:
    write_atomic(place, json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return place


def _write_parquet(place: Path, tables: dict[str, pd.DataFrame]) -> Path:
    import pandas as pd

    whole = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    made = io.BytesIO()
    whole.to_parquet(made, index=False)
    write_atomic(place, made.getvalue())
    return place
