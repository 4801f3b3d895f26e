"""The results put into a model's READMEs: the model's own and those of its formats."""

from __future__ import annotations

import os
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models import TrainedModel, find_base, inspect_model
from benchtui.reports.created import new_readme
from benchtui.reports.document import UnparsableError, parse, with_section
from benchtui.reports.model_index import eval_results, with_model_index
from benchtui.reports.section import results_section
from benchtui.results.records import RunResults
from benchtui.results.summary import Summary, summarize
from benchtui.runs.files import write_atomic
from benchtui.text import one_line

FORMAT_FOLDERS = ("lora", "merged_16bit", "merged_4bit", "gguf")
README = "README.md"
_LARGEST = 8 * 1024 * 1024
"""Bytes from which a README.md is not one that anybody wrote."""


def update_readmes(model_path: Path, summary: Summary | None = None) -> list[str]:
    """Write the results into README.md of the model and of each of its formats; what was done, in words.

    Without a `summary` the results are read from disk. A README that cannot be parsed or written, or lies
    outside the model's folder, is left alone and said so. Raises BenchtuiError when there are no results.
    """
    summary = summary or summarize(model_path)
    results = summary.fine_tuned or summary.base
    if results is None:
        raise BenchtuiError(f"{model_path} has no benchmark results yet.", "Type `benchtui run` first.")
    model = inspect_model(model_path)
    section = results_section(summary)
    return [_update(file, model, results, section) for file in _files(model_path)]


def _files(model_path: Path) -> list[Path]:
    folders = [model_path, *(model_path / name for name in FORMAT_FOLDERS if (model_path / name).is_dir())]
    return [folder / README for folder in folders]


def _update(file: Path, model: TrainedModel, results: RunResults, section: str) -> str:
    part = file.parent.name if file.parent != model.path else ""
    shown = f"{part}/{README}" if part else README
    try:
        _check_place(file, model.path)
        raw = _read(file)
        existing = raw is not None
        text = raw if raw is not None else new_readme(model, part, _base(model), _licence(model.path)).encode()
        changed = _changed(text, model.name, results, section)
        if existing and changed == raw:
            return f"{shown}: already up to date."
        _write(file, changed)
    except UnparsableError as error:
        return f"{shown}: left alone, {error}."
    except OSError as error:
        return f"{shown}: not written ({error.strerror or error})."
    return f"{shown}: {'updated' if existing else 'created'}."


def _check_place(file: Path, model_path: Path) -> None:
    """A model folder is somebody else's download: what its links point to elsewhere is not ours to write."""
    target = file.resolve()
    if not target.is_relative_to(model_path.resolve()):
        raise UnparsableError(f"it leads to {one_line(str(target), 400)}, outside the model's folder")


def _read(file: Path) -> bytes | None:
    if not file.exists():
        return None
    if not file.is_file():
        raise UnparsableError("it is not a regular file")
    if file.stat().st_size > _LARGEST:
        raise UnparsableError("it is larger than 8 MiB")
    return file.read_bytes()


def _write(file: Path, content: bytes) -> None:
    """In place of what a link points to, with the old file's permissions."""
    target = file.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "it is read-only")
    write_atomic(target, content)
    if mode is not None:
        target.chmod(mode)


def _changed(raw: bytes, model_name: str, results: RunResults, section: str) -> bytes:
    document = parse(with_section(parse(raw), section).encode())
    return with_model_index(document, model_name, eval_results(results)).encode()


def _base(model: TrainedModel) -> str | None:
    found = (find_base(model, form) for form in model.formats)
    return next((choice.name for choice in found if choice is not None), None)


def _licence(model_path: Path) -> str | None:
    """The licence that the front matter of one of the model's READMEs names."""
    for file in _files(model_path):
        try:
            raw = _read(file)
            named = parse(raw).front_matter.get("license") if raw is not None else None
        except (UnparsableError, OSError):
            continue
        if isinstance(named, str) and named.strip():
            return named.strip()
    return None
