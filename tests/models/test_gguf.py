"""GGUF files described without llama.cpp: what they say, whether they are whole, which parts belong together."""

from __future__ import annotations

import hashlib
import random
import shutil
import struct
from pathlib import Path

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import inspect_model
from benchtui.models.gguf.describe import describe_gguf
from benchtui.models.gguf.digest import content_digest, gguf_identity
from benchtui.models.gguf.header import read_header
from benchtui.models.gguf.types import BLOCKS, FILE_TYPES, TYPE_NAMES
from benchtui.models.reading import Unreadable
from tests.conftest import HUB, absent
from tests.models.gguf_files import TEMPLATE, join, tensors, write_gguf, write_parts


def test_types_are_those_of_the_package_that_writes_the_files() -> None:
    sizes = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: BLOCKS[kind] for kind in sizes} == sizes
    assert {kind: TYPE_NAMES[kind] for kind in sizes} == {int(kind): kind.name for kind in gguf.GGML_QUANT_SIZES}
    named = {int(kind): kind.name.removeprefix("ALL_").removeprefix("MOSTLY_") for kind in gguf.LlamaFileType}
    assert {kind: FILE_TYPES.get(kind, "GUESSED") for kind in named} == named


def test_a_model_is_described(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", quantize="Q8_0", file_type=7)
    found = describe_gguf(path)
    assert (found.name, found.local, found.weight_bytes) == (str(path), True, path.stat().st_size)
    assert (found.quantization, found.dtype, found.parameters) == ("Q8_0", None, 10 * 8 * 32)
    assert (found.chat_template, found.has_tokenizer, found.adds_bos) == (TEMPLATE, True, True)
    assert dict(found.special_tokens)["bos_token"] == "<s>"
    assert dict(found.special_tokens)["pad_token"] is None
    shape = found.architecture
    assert (shape.model_type, shape.max_positions, shape.vocab_size, shape.layers) == ("llama", 128, 8, 3)
    assert (shape.hidden_size, shape.kv_heads, shape.head_dim) == (32, 2, 8)
    assert found.identity == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_file_that_was_made_16_bit_again_is_not_called_by_its_old_quantisation(tmp_path: Path) -> None:
    assert describe_gguf(write_gguf(tmp_path / "a.gguf", file_type=3)).quantization == "F32"
    assert describe_gguf(write_gguf(tmp_path / "b.gguf", quantize="Q4_1", file_type=0)).quantization == "Q4_1"
    assert describe_gguf(write_gguf(tmp_path / "c.gguf", quantize="Q5_0", file_type=15)).quantization == "Q4_K_M"
    assert describe_gguf(write_gguf(tmp_path / "d.gguf", quantize="Q4_0", file_type=None)).quantization == "Q4_0"


def test_templates_by_name(tmp_path: Path) -> None:
    tool = {"tokenizer.chat_template.tool_use": "tools"}
    assert describe_gguf(write_gguf(tmp_path / "a.gguf", more=tool)).chat_template == TEMPLATE
    only = describe_gguf(write_gguf(tmp_path / "b.gguf", more=tool, template=None))
    assert (only.chat_template, "tool_use" in only.template.problem) == (None, True)
    none = describe_gguf(write_gguf(tmp_path / "c.gguf", template=None))
    assert (none.chat_template, none.template.problem) == (None, "")
    long = describe_gguf(write_gguf(tmp_path / "d.gguf", template="x" * 2_000_000))
    assert "larger than 1 MB" in long.template.problem


def test_a_tokenizer_that_llama_cpp_would_guess_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match=r"tokenizer\.ggml\.pre is missing"):
        describe_gguf(write_gguf(tmp_path / "a.gguf", tokenizer="gpt2"))
    default = describe_gguf(write_gguf(tmp_path / "b.gguf", tokenizer="gpt2", pre="default"))
    assert "tokenised otherwise" in default.warnings[0]
    assert describe_gguf(write_gguf(tmp_path / "c.gguf", tokenizer="gpt2", pre="smollm")).warnings == ()


@pytest.mark.parametrize("kind", ["adapter", "mmproj", "imatrix"])
def test_what_is_no_model_says_what_it_is(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BenchtuiError, match="no model"):
        describe_gguf(write_gguf(tmp_path / "a.gguf", more={"general.type": kind}))


def test_an_old_projector_beside_a_model_is_not_the_model(tmp_path: Path) -> None:
    """Before llama.cpp named a file's type, a projector was told by its architecture alone."""
    model = write_gguf(tmp_path / "gguf" / "tuned-F32.gguf")
    for name in ("mmproj-tuned.gguf", "zz-mmproj.gguf"):
        data = write_gguf(tmp_path / "gguf" / name).read_bytes()
        key = b"general.architecture" + b"\x08\0\0\0" + b"\x05" + b"\0" * 7
        assert key + b"llama" in data
        (tmp_path / "gguf" / name).write_bytes(data.replace(key + b"llama", key[:-8] + b"\x04" + b"\0" * 7 + b"clip"))
    told = {form.path.name: form.problem for form in inspect_model(tmp_path).formats}
    assert told.pop(model.name) == ""
    assert set(told.values()) == {"is a projector for images or sound, no model by itself"}


def test_what_is_no_gguf_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no GGUF file"):
        describe_gguf(tmp_path / "a.gguf")
    (tmp_path / "b").write_text("text")
    with pytest.raises(UsageError, match="is no GGUF file"):
        describe_gguf(tmp_path / "b")
    blob = shutil.move(write_gguf(tmp_path / "m.gguf"), tmp_path / "sha256-0123")  # as Ollama stores it
    assert describe_gguf(blob).quantization == "F32"


# Digests.


def test_identity_is_of_the_content_not_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_gguf(tmp_path / "a.gguf")
    other = write_gguf(tmp_path / "b.gguf", tensors(seed=1))
    renamed = shutil.copy(first, tmp_path / "c.gguf")
    for small in (10**9, 0):
        monkeypatch.setattr("benchtui.models.gguf.digest.SMALL_WEIGHTS", small)
        same, differs = gguf_identity([renamed]), gguf_identity([other])
        assert gguf_identity([first]) == same != differs
        assert same.startswith("sha256:" if small else "sampled:")
    assert gguf_identity([first], whole=True).startswith("sha256:")


def test_content_is_the_same_in_another_order_and_in_parts(tmp_path: Path) -> None:
    content = tensors()
    plain = write_gguf(tmp_path / "plain.gguf", content)
    turned = write_gguf(tmp_path / "turned.gguf", dict(reversed(content.items())))
    parts = write_parts(tmp_path / "parts")
    assert plain.read_bytes() != turned.read_bytes()
    assert content_digest([plain]) == content_digest([turned]) == content_digest(parts)
    one = content | {"blk.1.attn_q.weight": content["blk.1.attn_q.weight"] + 1}
    swapped = dict(zip(content, reversed(content.values()), strict=True))
    changed = [
        write_gguf(tmp_path / "number.gguf", one),
        write_gguf(tmp_path / "swapped.gguf", swapped),
        write_gguf(tmp_path / "template.gguf", content, template="other"),
        write_gguf(tmp_path / "flat.gguf", {name: numbers.reshape(16, 16) for name, numbers in content.items()}),
    ]
    assert len({content_digest([path]) for path in [plain, *changed]}) == 5


# Split models.


def problems(folder: Path) -> list[tuple[str, str]]:
    return [(form.path.name, form.problem) for form in inspect_model(folder).formats]


def test_a_split_model_is_one_in_the_list_and_every_part_names_it(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "gguf")
    (form,) = inspect_model(tmp_path).formats
    assert (form.path, form.problem, form.bytes) == (parts[0], "", sum(path.stat().st_size for path in parts))
    whole = describe_gguf(write_gguf(tmp_path / "whole.gguf"))
    for path in parts:
        found = describe_gguf(path)
        assert (found.name, found.parts) == (str(parts[0]), tuple(map(str, parts[1:])))
        assert (found.parameters, found.quantization) == (whole.parameters, "F32")
    before = describe_gguf(parts[0]).identity
    data = parts[2].read_bytes()
    parts[2].write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    assert describe_gguf(parts[0]).identity != before


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "gguf")
    parts[2].unlink()
    assert problems(tmp_path) == [(parts[0].name, "is one of 3 parts, and m-00003-of-00003.gguf is missing")]
    with pytest.raises(BenchtuiError, match=r"m-00003-of-00003\.gguf is missing"):
        describe_gguf(parts[1])
    parts[0].unlink()
    assert "2 of them, m-00001-of-00003.gguf first, are missing" in problems(tmp_path)[0][1]


def test_renamed_parts_are_told_by_their_headers(tmp_path: Path) -> None:
    for name, path in zip("cab", write_parts(tmp_path / "gguf"), strict=True):
        path.rename(path.with_name(f"{name}.gguf"))
    assert problems(tmp_path) == [("c.gguf", "")]
    found = describe_gguf(tmp_path / "gguf" / "a.gguf")
    assert [Path(name).name for name in (found.name, *found.parts)] == ["c.gguf", "a.gguf", "b.gguf"]
    for name, path in zip("def", write_parts(tmp_path / "gguf", quantize="Q8_0"), strict=True):
        path.rename(path.with_name(f"{name}.gguf"))
    assert "which ones belong together is not clear" in problems(tmp_path)[0][1]


def test_parts_that_changed_places_or_are_of_another_model(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "gguf")
    other = write_parts(tmp_path / "other", parts=2)
    keep = parts[1].read_bytes()
    shutil.copy(parts[2], parts[1])
    assert "is part 3 of 3 by its own header" in problems(tmp_path)[0][1]
    shutil.copy(other[1], parts[1])
    assert "is part 2 of 2 by its own header" in problems(tmp_path)[0][1]
    parts[1].write_bytes(keep)
    assert problems(tmp_path) == [(parts[0].name, "")]
    parts[1].write_bytes(keep[:-100])
    assert "m-00002-of-00003.gguf is cut short" in problems(tmp_path)[0][1]


def test_two_quantisations_mixed(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "gguf", "m-F32")
    eight = write_parts(tmp_path / "gguf", "m-Q8_0", quantize="Q8_0")
    assert problems(tmp_path) == [(parts[0].name, ""), (eight[0].name, "")]
    shutil.copy(eight[0].with_name("m-Q8_0-00002-of-00003.gguf"), parts[1])
    (warning,) = inspect_model(tmp_path).formats[0].warnings
    assert warning == "m-F32-00002-of-00003.gguf is mostly Q8_0, which no other part is: it may be of another file"


def test_parts_joined_by_cat(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts")
    path = join(parts, tmp_path / "m" / "gguf" / "m.gguf")
    assert problems(tmp_path / "m") == [("m.gguf", "is 3 GGUF files one after another: give the first part")]
    with pytest.raises(BenchtuiError, match="3 GGUF files one after another: give the first part"):
        describe_gguf(path)


# Files that somebody damaged.


@given(place=st.floats(0, 1), content=st.binary(min_size=1, max_size=12), cut=st.floats(0, 1))
def test_whatever_stands_in_a_header_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: float, content: bytes, cut: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    data = bytearray(_tiny(path))
    start = int(place * (len(data) - len(content)))
    data[start : start + len(content)] = content
    path.write_bytes(data[: int(len(data) * max(cut, 0.01)) or 1] if cut < 0.5 else data)
    try:
        found = describe_gguf(path)
    except (BenchtuiError, UsageError):
        return
    assert found.weight_bytes == path.stat().st_size


def _tiny(path: Path, made: dict[str, bytes] = {}) -> bytes:  # noqa: B006 - written once
    if not made:
        made["data"] = write_gguf(path).read_bytes()
    return made["data"]


def test_a_key_or_a_tensor_twice(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"tokenizer.ggml.bos_token_id", b"tokenizer.ggml.eos_token_id"))
    with pytest.raises(Unreadable, match="eos_token_id stands in it twice"):
        read_header(path)
    path.write_bytes(data.replace(b"blk.1.attn_q.weight", b"blk.2.attn_q.weight"))
    with pytest.raises(Unreadable, match=r"two tensors are called blk\.2\.attn_q\.weight"):
        read_header(path)


def test_random_bytes_after_the_magic_are_refused_quickly(tmp_path: Path) -> None:
    numbers = random.Random(16)  # noqa: S311 - the same bytes every time
    for _ in range(300):
        path = tmp_path / "m.gguf"
        counts = struct.pack("<IQQ", 3, numbers.randrange(5), numbers.randrange(5))
        path.write_bytes(b"GGUF" + counts + numbers.randbytes(numbers.randrange(400)))
        with pytest.raises((BenchtuiError, UsageError)):
            describe_gguf(path)


@pytest.mark.hub
def test_the_stories_model() -> None:
    files = list(HUB.rglob("stories260K-F32.gguf"))
    if not files:
        absent("hub", "no hub beside the checkout")
    found = describe_gguf(files[0])
    assert (found.parameters, found.quantization, found.dtype) == (260_032, "F32", "float32")
    assert (found.architecture.max_positions, found.architecture.vocab_size, found.adds_bos) == (2048, 512, True)
    assert dict(found.special_tokens)["eos_token"] == "</s>"
