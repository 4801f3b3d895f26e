"""The tokens of a GGUF file as bytes: those of the transformers tokenizer that it was converted from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HUB

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]

TOKENS = ("<s>", "</s>", "a", "Ġb", "Ã", "<tool>", "<|fim|>", "[PAD7]", "<|late|>", "[PAD9]")


def test_tokens_are_what_they_mean_in_a_text(tmp_path: Path) -> None:
    from gguf import GGUFWriter, TokenType

    from benchtui.worker.answering.gguf.model import Model
    from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer

    normal, control, user, unused = TokenType.NORMAL, TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNUSED
    writer = GGUFWriter(tmp_path / "words.gguf", "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([control, control, normal, normal, normal, user, user, unused, control, unused])
    writer.add_token_merges(["Ġ b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for add in (writer.add_context_length, writer.add_embedding_length, writer.add_block_count):
        add(8)
    for add in (writer.add_feed_forward_length, writer.add_head_count):
        add(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = Model(str(tmp_path / "words.gguf"), vocabulary_only=True)
    assert GgufTokenizer(model).token_bytes() == [
        (b"<s>", True),
        (b"</s>", True),
        (b"a", False),
        (b" b", False),
        (b"\xc3", False),
        (b"<tool>", False),
        (b"<|fim|>", True),  # user defined here, a control token in files of llama.cpp's own converter
        (b"", True),
        (b"<|late|>", True),
    ]
    model.close()


COMPARED = """
import json, sys
from transformers import AutoTokenizer
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.gguf.model import Model
from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer
from benchtui.worker.answering.hf.token_bytes import token_bytes

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
one = StoredVocabulary.of(token_bytes(tokenizer, len(tokenizer)))
other = StoredVocabulary.of(GgufTokenizer(Model(sys.argv[2], vocabulary_only=True)).token_bytes())
print(json.dumps([len(one), one.first_difference(other), one.digest == other.digest]))
"""


def compared(folder: Path, file: Path) -> list[object]:
    command = [sys.executable, "-c", COMPARED, str(folder), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    found: list[object] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.hub
def test_a_real_sentencepiece_model_has_the_tokens_of_its_folder() -> None:
    models = HUB / "models" / "tinyllamas"
    file = next((models / "stories260K-GGUF").glob("*.gguf"))
    assert compared(models / "stories260K", file) == [512, None, True]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["F32", "Q4_1"])
def test_a_real_byte_level_model_has_the_tokens_of_its_folder(kind: str, real_model: Path) -> None:
    name = "SmolLM2-135M-Instruct"
    assert compared(real_model / name, real_model / f"{name}.{kind}.gguf") == [49152, None, True]
