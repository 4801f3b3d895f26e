"""Which GGUF files are compared with which parent: by their tensors, not by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import inspect_model
from benchtui.models.quantizations import Family, find_family
from tests.models.gguf_files import tensors, write_gguf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "outputs" / "m"
    write_gguf(place / "gguf" / "m-BF16.gguf", tensors("float16"), file_type=1)
    write_gguf(place / "gguf" / "m-Q8_0.gguf", quantize="Q8_0", file_type=7)
    write_gguf(place / "gguf" / "m-Q4_1.gguf", quantize="Q4_1", file_type=3)
    return place


def family(folder: Path, *wanted: str, parent: str | None = None) -> Family:
    return find_family(inspect_model(folder), find_backend("gguf"), wanted, parent)


def test_the_widest_is_the_parent_and_the_others_follow_by_size(folder: Path) -> None:
    found = family(folder)
    assert (found.parent.label, found.parent.bits) == ("F16", 16)
    assert [(file.label, file.bits) for file in found.others] == [("Q8_0", 8.5), ("Q4_1", 5)]
    write_gguf(folder / "gguf" / "m-F32.gguf")
    assert [family(folder).parent.label, *(file.label for file in family(folder).others)] == [
        "F32", "F16", "Q8_0", "Q4_1",
    ]  # fmt: skip


def test_files_are_named_by_quantisation_name_or_path(folder: Path, tmp_path: Path) -> None:
    elsewhere = write_gguf(tmp_path / "else" / "other.gguf", quantize="Q4_0", file_type=2)
    found = family(folder, "q4_1", "m-Q8_0.gguf", str(elsewhere))
    assert {file.label for file in found.others} == {"Q4_1", "Q8_0", "Q4_0"}
    assert [file.label for file in family(folder, "Q4_1").others] == ["Q4_1"]
    with pytest.raises(UsageError, match="Q9"):
        family(folder, "Q9")


def test_a_file_called_f16_whose_tensors_are_not_is_no_parent(folder: Path) -> None:
    (folder / "gguf" / "m-BF16.gguf").unlink()
    liar = write_gguf(folder / "gguf" / "m-F16.gguf", quantize="Q8_0", file_type=1)
    with pytest.raises(BenchtuiError, match=r"m-F16\.gguf is quantised: of its 10 matrices 10 are Q8_0") as caught:
        family(folder, parent=str(liar))
    assert "convert_hf_to_gguf" in caught.value.next_step
    with pytest.raises(BenchtuiError, match="has no GGUF file of 16 bits or more") as caught:
        family(folder)
    assert "m-F16.gguf is quantised" in caught.value.what


def test_one_quantised_matrix_is_enough_to_be_no_parent(folder: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(folder / "gguf" / "mixed.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["a"])
    content = tensors()
    for number, (name, values) in enumerate(content.items()):
        kind = gguf.GGMLQuantizationType.Q8_0 if number == 3 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(values, kind) if number == 3 else values
        writer.add_tensor(name, stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BenchtuiError, match="of its 10 matrices 1 are Q8_0"):
        family(folder, parent="mixed.gguf")
    assert family(folder).parent.form.path.name == "m-BF16.gguf"


def test_another_model_is_no_quantisation_of_it(folder: Path) -> None:
    write_gguf(folder / "gguf" / "m-Q5_0.gguf", tensors(layers=2), quantize="Q5_0", file_type=8)
    with pytest.raises(BenchtuiError, match=r"m-Q5_0\.gguf is no quantisation of m-BF16\.gguf"):
        family(folder)


def test_nothing_to_compare_is_said(folder: Path) -> None:
    for name in ("m-Q8_0.gguf", "m-Q4_1.gguf"):
        (folder / "gguf" / name).unlink()
    with pytest.raises(BenchtuiError, match=r"no file to compare with m-BF16\.gguf"):
        family(folder)


def test_a_parent_made_wide_again_is_told(folder: Path) -> None:
    import gguf

    assert family(folder).notes == ()
    kind = gguf.GGMLQuantizationType.Q4_1
    narrow = {
        name: gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind) for name, values in tensors().items()
    }
    write_gguf(folder / "gguf" / "m-F32.gguf", narrow)
    (said,) = family(folder).notes
    assert "m-F32.gguf has at most 16 values in each block of its weights" in said
