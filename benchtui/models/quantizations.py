"""Chooses the GGUF files of a model that are compared with each other: a parent of 16 bits or more, and the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.discovery import absolute
from benchtui.models.formats import gguf_format
from benchtui.models.gguf.header import mapped
from benchtui.models.gguf.parts import GgufFiles, files_of, is_gguf
from benchtui.models.gguf.quantization import bits_per_weight, unlike_shape, why_quantized
from benchtui.models.gguf.types import BLOCKS, TYPE_NAMES, WHOLE_NUMBERS
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.models.selection import Loader, choose_format
from benchtui.text import one_line

_SHOWN = 4
_BLOCK, _FEW = 32, 16
"""llama.cpp's types of 4 bits have 16 values in a block of 32 weights."""
_LOOKED_AT, _BLOCKS_LOOKED_AT = 8, 64


@dataclass(frozen=True)
class WeightsFile:
    """One GGUF model. `label` tells it from the others: its quantisation where only one has it, else its file's name;
    `bytes` is its size on disk, `bits` what its tensors have for each weight (None: a type that is not known)."""

    form: ModelFormat
    label: str
    bits: float | None

    @property
    def bytes(self) -> int:
        return self.form.bytes


@dataclass(frozen=True)
class Family:
    """The files of one model: `parent` has 16 bits or more a weight, `others` are compared with it, largest first.
    `notes` say which files were passed over."""

    parent: WeightsFile
    others: tuple[WeightsFile, ...]
    notes: tuple[str, ...] = ()


def find_family(model: TrainedModel, loader: Loader, wanted: Sequence[str] = (), parent: str | None = None) -> Family:
    """Choose the files, which `loader` opens: those `wanted` (a quantisation, a file's name or path), else every GGUF
    file of the model.

    The parent is `parent`, else the widest of the model's files whose matrices all have 16 bits or more. Raises
    UsageError for a name that fits no file, BenchtuiError where there is no such parent, or nothing to compare.
    """
    there = [form for form in model.formats if form.kind == "gguf"]
    notes = [f"{form.label} is passed over: it {one_line(form.problem, 200)}" for form in there if form.problem]
    usable = {form.path: files_of(form.path) for form in there if not form.problem}
    asked = [_named(model, loader, name) for name in wanted]
    known = usable | {form.path: files_of(form.path) for form in asked}
    forms = {form.path: form for form in (*there, *asked)}
    if parent is not None:
        top = _named(model, loader, parent)
        forms[top.path], known[top.path] = top, files_of(top.path)
        if why := why_quantized(known[top.path].headers):
            raise BenchtuiError(
                f"{_name(top.path)} {why}; the others are to be compared with 16 bits or more.",
                "Give --parent another file; llama.cpp's convert_hf_to_gguf.py --outtype f16 makes one.",
            )
    else:
        top = forms[_widest(model, known)]
    others = [form for path, form in forms.items() if path in known and path != top.path]
    if wanted:
        others = [form for form in asked if form.path != top.path]
    if not others:
        raise BenchtuiError(
            f"There is no file to compare with {_name(top.path)}.",
            "Put its quantisations beside it (llama.cpp's llama-quantize makes them), or name their files.",
        )
    for form in others:
        if tensor := unlike_shape(known[top.path].headers, known[form.path].headers):
            raise BenchtuiError(
                f"{_name(form.path)} is no quantisation of {_name(top.path)}: they do not have the same tensors "
                f"({one_line(tensor, 60)}).",
                "Name the files that belong together, or give --parent another one.",
            )
    others = list({form.path: form for form in others}.values())
    if _few_values(known[top.path]):
        notes.append(
            f"{_name(top.path)} has at most {_FEW} values in each block of its weights, as a file of 4 bits that was "
            "made wide again: what those 4 bits lost is not seen here"
        )
    labels = _labels([top, *others])
    files = [WeightsFile(form, labels[form.path], bits_per_weight(known[form.path].headers)) for form in others]
    files.sort(key=lambda file: (-file.bytes, file.label))
    return Family(
        WeightsFile(top, labels[top.path], bits_per_weight(known[top.path].headers)), tuple(files), tuple(notes)
    )


def _named(model: TrainedModel, loader: Loader, name: str) -> ModelFormat:
    """Return the format that `name` means: one of the model's, else a file anywhere. Raises UsageError."""
    path = absolute(Path(name).expanduser())
    if path.is_file() and is_gguf(path) and all(path not in (form.path, *form.parts) for form in model.formats):
        form = gguf_format(files_of(path))
    else:
        named = str(path) if path.is_file() else name
        chosen = next((form for form in model.formats if path in form.parts), None)
        form = chosen or choose_format(model, loader, named)
    if form.problem:
        raise BenchtuiError(f"{_name(form.path)} {one_line(form.problem, 300)}.", "Copy or convert it again.")
    return form


def _few_values(files: GgufFiles) -> bool:
    """Return whether most matrices of a model look as if they had been quantised to 4 bits before: no block of weights
    has more than 16 values. Reads some blocks of the first file's matrices."""
    widths = {kind: width for kind, (_, width) in BLOCKS.items() if TYPE_NAMES[kind] in WHOLE_NUMBERS}
    header = files.headers[0]
    matrices = [t for t in header.tensors.values() if len(t.shape) > 1 and t.kind in widths and not t.shape[0] % _BLOCK]
    few = 0
    with mapped(files.files[0]) as data:
        for tensor in matrices[:_LOOKED_AT]:
            width, start = widths[tensor.kind], header.start + tensor.offset
            blocks = min(tensor.elements // _BLOCK, _BLOCKS_LOOKED_AT)
            counts = [
                len({data[at : at + width] for at in range(begin, begin + _BLOCK * width, width)})
                for begin in range(start, start + blocks * _BLOCK * width, _BLOCK * width)
            ]
            few += max(counts, default=_BLOCK) <= _FEW
    return 2 * few > len(matrices[:_LOOKED_AT])


def _widest(model: TrainedModel, known: dict[Path, GgufFiles]) -> Path:
    """Return the file with most bits a weight whose matrices all have 16 or more. Raises BenchtuiError where none
    has, saying of each what it is."""
    if not known:
        raise BenchtuiError(
            f"{one_line(model.name, 100)} has no GGUF files.",
            "Put them into gguf/ in its folder; llama.cpp's convert_hf_to_gguf.py makes them.",
        )
    narrow = {path: why_quantized(files.headers) for path, files in known.items()}
    wide = [path for path, why in narrow.items() if not why]
    if not wide:
        said = "; ".join(_narrow_words(narrow))
        raise BenchtuiError(
            f"{one_line(model.name, 100)} has no GGUF file of 16 bits or more to compare with: {said}.",
            "Make one with llama.cpp's convert_hf_to_gguf.py --outtype f16, or give --parent FILE.",
        )
    return max(wide, key=lambda path: (bits_per_weight(known[path].headers) or 0.0, path.name))


def _narrow_words(narrow: dict[Path, str]) -> Iterator[str]:
    for path, why in list(narrow.items())[:_SHOWN]:
        yield f"{path.name} {why}"
    if len(narrow) > _SHOWN:
        yield f"{len(narrow) - _SHOWN} more"


def _labels(forms: Sequence[ModelFormat]) -> dict[Path, str]:
    counts = Counter(form.quantization for form in forms)
    return {
        form.path: one_line(
            form.quantization if form.quantization and counts[form.quantization] == 1 else form.path.stem, 40
        )
        for form in forms
    }


def _name(path: Path) -> str:
    return one_line(path.name, 200)
