"""Puts the results into a model's READMEs: the model's own and those of its formats."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from benchtui.compare.summary import Summary, summarize
from benchtui.errors import BenchtuiError
from benchtui.files import write_atomic
from benchtui.models.base import find_base
from benchtui.models.discovery import inspect_model
from benchtui.models.layout import TrainedModel
from benchtui.reports.readme.card import Results, with_results
from benchtui.reports.readme.created import new_readme
from benchtui.reports.readme.document import UnparsableError, parse
from benchtui.reports.readme.model_index import eval_results
from benchtui.reports.readme.section import results_section
from benchtui.results.records import RunResults
from benchtui.text import one_line

FORMAT_FOLDERS = ("lora", "merged_16bit", "merged_4bit", "gguf")
README = "README.md"
_LARGEST = 1024 * 1024
"""Bytes from which a README.md was hardly written by a person."""


def update_readmes(model_path: Path, summary: Summary | None = None, more: str = "") -> list[str]:
    """Write the results into README.md of the model and of each of its formats; returns what was done, in words. Those
    of a checkpoint are not the results of the other formats, which have a README for themselves.

    `more` is Markdown at the section's end, such as a leaderboard. Without a `summary` the results are chosen from
    those on disk. A README that cannot be parsed or written, or lies outside the model's folder, is left unchanged, and
    the result says so. Raises BenchtuiError when there are no results of the fine-tuned model: the base's are not its
    own.
    """
    summary = summary or summarize(model_path)
    tuned = _of_fine_tuned(model_path, summary)
    model = inspect_model(model_path)
    section = "\n\n".join(filter(None, (results_section(tuned, summary.base, summary.comparison), more.strip("\n"))))
    results = Results(model.name, section, eval_results(tuned))
    return [_update(file, model, results) for file in _of_format(model, tuned.format)]


def _of_fine_tuned(model_path: Path, summary: Summary) -> RunResults:
    run = f"Type `benchtui run --model {model_path.name}` first."
    if summary.fine_tuned is None:
        raise BenchtuiError(f"{model_path} has no results of the fine-tuned model yet, only the base's.", run)
    if summary.fine_tuned.role == "base":
        raise BenchtuiError(f"{summary.fine_tuned.run} is a run of the base, not of the fine-tuned model.", run)
    return summary.fine_tuned


def _of_format(model: TrainedModel, evaluated: str) -> list[Path]:
    """Return the files that the results of a format belong into."""
    kind = next((form.kind for form in model.formats if form.label == evaluated), None)
    return [model.path / README] if kind in ("checkpoint", "epoch") else _files(model.path)


def _files(model_path: Path) -> list[Path]:
    folders = [model_path, *(model_path / name for name in FORMAT_FOLDERS if (model_path / name).is_dir())]
    return [folder / README for folder in folders]


def _update(file: Path, model: TrainedModel, results: Results) -> str:
    part = file.parent.name if file.parent != model.path else ""
    shown = f"{part}/{README}" if part else README
    try:
        _check_place(file, model.path)
        raw = _read(file)
        text = raw if raw is not None else new_readme(model, part, _base(model), _licence(model.path)).encode()
        card = with_results(text, results)
        if card.content != raw:
            _write(file, card.content)
    except UnparsableError as error:
        return f"{shown}: left alone, {error}."
    except OSError as error:
        return f"{shown}: not written ({error.strerror or error})."
    done = "created" if raw is None else "already up to date" if card.content == raw else "updated"
    return f"{shown}: {done}.{card.note and f' {card.note}.'}"


def _check_place(file: Path, model_path: Path) -> None:
    """Refuse to write outside: a model folder may be a download, and its links may lead elsewhere."""
    target = _target(file)
    if not target.is_relative_to(_target(model_path)):
        raise UnparsableError(f"it leads to {one_line(str(target), 400)}, outside the model's folder")


def _target(file: Path) -> Path:
    """Return where links lead; unlike Path.resolve this survives links that lead to themselves."""
    return Path(os.path.realpath(file))


def _read(file: Path) -> bytes | None:
    try:
        facts = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnparsableError("it is a link that leads to itself") from None
        raise
    if not stat.S_ISREG(facts.st_mode):
        raise UnparsableError("it is not a regular file")
    if facts.st_size > _LARGEST:
        raise UnparsableError("it is larger than 1 MiB")
    return file.read_bytes()


def _write(file: Path, content: bytes) -> None:
    """Replace the file that a link leads to, with the old file's permissions."""
    target = _target(file)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "it is read-only")
    write_atomic(target, content)
    if mode is not None:
        target.chmod(mode)


def _base(model: TrainedModel) -> str | None:
    found = (find_base(model, form) for form in model.formats)
    return next((choice.name for choice in found if choice is not None), None)


def _licence(model_path: Path) -> str | None:
    """Return the licence that the front matter of one of the model's READMEs names."""
    for file in _files(model_path):
        try:
            raw = _read(file)
            named = parse(raw).front_matter.get("license") if raw is not None else None
        except (UnparsableError, OSError):
            continue
        if isinstance(named, str) and named.strip():
            return named.strip()
    return None
