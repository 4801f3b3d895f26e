"""GGUF files whose metadata or tensors do not tell the truth: the right score comes out, or one line and none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.gguf.describe import describe_gguf
from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.not_a_number import NotANumberError
from tests.worker import tiny_models

if TYPE_CHECKING:
    from tests.worker.answering.gguf.files import Tensors

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]

TOLERANCE = 3e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_base(tmp_path_factory.mktemp("lies") / "tiny")


@pytest.fixture(scope="module")
def right(folder: Path) -> list[float]:
    """What lm-eval finds for the model that the files were made of."""
    return tiny_models.scores(tiny_models.lm_eval_model(folder))


def scored(path: Path, prompts: PromptSettings | None = None) -> list[float]:
    from tests.worker.answering.gguf.files import for_lm_eval, open_gguf

    answering = open_gguf(path, prompts)
    try:
        return tiny_models.scores(for_lm_eval(answering))
    finally:
        answering.close()


def written(folder: Path, path: Path, **how: Any) -> Path:
    from tests.worker.answering.gguf.files import write_gguf

    return write_gguf(folder, path, **how)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"bos_token_id": 9999}, "names token 9999 as its bos_token .* but its vocabulary has 300 tokens"),
        ({"bos_token_id": 9999, "add_bos_token": True}, "names token 9999 as its bos_token"),
        ({"eos_token_id": 300}, "names token 300 as its eos_token"),
        ({"without": ("bos_token_id",), "add_bos_token": True}, "texts begin with BOS .* but not which token that is"),
        ({"more": {"llama.rope.scaling.type": "dance"}}, r"llama\.rope\.scaling\.type: dance"),
        ({"more": {"adapter.type": "lora"}}, "is a LoRA adapter, no model by itself"),
    ],
)
def test_what_llama_cpp_would_replace_or_die_of_is_refused_before_a_worker_starts(
    folder: Path, tmp_path: Path, how: Mapping[str, Any], words: str
) -> None:
    """By default llama.cpp takes token 11 for a bos or eos that is not there, and ends the process for the fifth."""
    with pytest.raises(BenchtuiError, match=words) as error:
        describe_gguf(written(folder, tmp_path / "lies.gguf", **how))
    assert "lies.gguf" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_pre_tokenizer_that_adds_bos_by_itself_needs_one(folder: Path, tmp_path: Path) -> None:
    path = written(folder, tmp_path / "bare.gguf", without=("bos_token_id", "add_bos_token"), pre="llama-bpe")
    assert describe_gguf(path).adds_bos is None
    with pytest.raises(BenchtuiError, match="names no bos token though its texts begin with one"):
        scored(path)


def without_an_end(tensors: Tensors) -> Tensors:
    return {name: tensor[:-5] if len(tensor) == 300 else tensor for name, tensor in tensors.items()}


def with_more_logits(tensors: Tensors) -> Tensors:
    extra = np.zeros((7, 32), np.float32)
    return {name: np.vstack([tensor, extra]) if len(tensor) == 300 else tensor for name, tensor in tensors.items()}


def with_one_more(tensors: Tensors) -> Tensors:
    return tensors | {"blk.7.ffn_up.weight": tensors["blk.1.ffn_up.weight"]}


def with_one_less(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != "blk.1.ffn_up.weight"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_an_end, r"token_embd\.weight' has wrong shape"),
        (with_more_logits, r"token_embd\.weight' has wrong shape"),
        (with_one_more, "wrong number of tensors"),
        (with_one_less, r"blk\.1\.ffn_up\.weight' not found"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why_in_llama_cpps_words(
    folder: Path, tmp_path: Path, change: Callable[[Tensors], Tensors], reason: str
) -> None:
    with pytest.raises(BenchtuiError, match=reason):
        scored(written(folder, tmp_path / "odd.gguf", change=change))


def test_an_unknown_pre_tokenizer_asks_for_a_newer_llama_cpp(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="unknown pre-tokenizer type: 'tomorrows'") as error:
        scored(written(folder, tmp_path / "new.gguf", pre="tomorrows"))
    assert "pip install --upgrade llama-cpp-python" in error.value.next_step


def test_a_model_that_makes_embeddings_is_none_that_writes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="is a model that makes embeddings"):
        scored(written(folder, tmp_path / "embeds.gguf", more={"llama.pooling_type": 1}))


def test_weights_that_are_no_numbers_give_no_score(folder: Path, tmp_path: Path) -> None:
    def broken(tensors: Tensors) -> Tensors:
        tensors["blk.1.ffn_up.weight"][0, 0] = np.nan
        return tensors

    with pytest.raises(NotANumberError):
        scored(written(folder, tmp_path / "nan.gguf", change=broken))


@pytest.mark.parametrize("length", [0, 4_000_000_000])
def test_a_context_length_that_cannot_be_is_asked_for(
    folder: Path, tmp_path: Path, right: list[float], length: int
) -> None:
    path = written(folder, tmp_path / "endless.gguf", context=length)
    with pytest.raises(BenchtuiError, match="does not say how long its texts may be") as error:
        scored(path)
    assert "--max-length" in error.value.next_step
    assert scored(path, PromptSettings(max_length=512)) == pytest.approx(right, abs=TOLERANCE)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_that_runs_out_is_one_line_and_the_model_answers_on(
    folder: Path, tmp_path: Path, right: list[float]
) -> None:
    """The cache of a long answer does not fit into what the operating system gives: llama.cpp is refused it."""
    import resource

    from tests.worker.answering.gguf.files import for_lm_eval, open_gguf

    answering = open_gguf(written(folder, tmp_path / "long.gguf"), PromptSettings(max_length=600_000))
    lm = for_lm_eval(answering)
    before = tiny_models.scores(lm)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size.split()[1]) + (60 << 20), hard))
    try:
        with pytest.raises(OutOfMemoryError, match=r"long\.gguf: no cache of 524,288 tokens can be made") as error:
            tiny_models.texts(lm, max_gen_toks=500_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert "--max-length" in error.value.next_step
    assert tiny_models.scores(lm) == before == pytest.approx(right, abs=TOLERANCE)
    answering.close()


def test_rotary_scaling_of_the_file_is_the_models(folder: Path, tmp_path: Path) -> None:
    """A conversion that forgets it gives other scores: what stands in the file is what is computed."""
    config = {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    stretched = tiny_models.make_base(tmp_path / "stretched", **config)
    expected = tiny_models.scores(tiny_models.lm_eval_model(stretched))
    named = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 8.0}
    assert scored(written(stretched, tmp_path / "told.gguf", more=named)) == pytest.approx(expected, abs=TOLERANCE)
    forgotten = scored(written(stretched, tmp_path / "forgotten.gguf"))
    assert max(abs(one - two) for one, two in zip(forgotten, expected, strict=True)) > 0.1


def test_a_template_and_a_tokenizer_that_both_write_bos_give_one(folder: Path, tmp_path: Path) -> None:
    from tests.worker.answering.gguf.files import open_gguf

    template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    path = written(folder, tmp_path / "twice.gguf", add_bos_token=True, chat_template=template)
    answering = open_gguf(path, PromptSettings(chat_template=template))
    text = answering.chat.render([{"role": "user", "content": "the lazy dog"}], add_generation_prompt=True)
    assert text == "<s>the lazy dog"
    (ids, count) = answering.tokens.encode_prompts([text])[text]
    assert ids.count(answering.tokens.bos) == 1
    assert count == len(ids)
    answering.close()
