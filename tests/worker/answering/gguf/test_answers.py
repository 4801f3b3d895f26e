"""A tiny model as transformers folder and as GGUF of the same numbers: the same scores, texts and distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.protocol import Unobserved
from tests.worker import tiny_models

if TYPE_CHECKING:
    from benchtui.worker.answering.gguf.answering import GgufAnswering

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]

CONTEXTS = ("the quick brown fox", "counts to ten while a b", "")
ENDINGS = (" jumps over the lazy dog", " all day", " s", " in the warm sun all day and counts to ten")
RECURRING = "the cat sleeps " * 60
TOLERANCE = 3e-4
"""Nats a request: float32 sums in another order."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_base(tmp_path_factory.mktemp("gguf") / "tiny")


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    from tests.worker.answering.gguf.files import write_gguf

    return write_gguf(folder, folder.parent / "tiny.gguf")


@pytest.fixture(scope="module")
def answering(llama_cpp: None, file: Path) -> Iterator[GgufAnswering]:
    from tests.worker.answering.gguf.files import open_gguf

    opened = open_gguf(file)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    return tiny_models.lm_eval_model(folder)


def pairs() -> list[Instance]:
    asked = [(context, ending) for context in CONTEXTS for ending in ENDINGS]
    return [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(asked)]


_DRAWN = np.random.default_rng(1)


def tokens(count: int) -> list[int]:
    return [int(token) for token in _DRAWN.integers(2, 290, count)]


def for_lm_eval(answering: GgufAnswering, prompts: PromptSettings | None = None) -> Any:
    from tests.worker.answering.gguf.files import for_lm_eval as adapted

    return adapted(answering, prompts)


def test_log_likelihoods_are_lm_evals(answering: GgufAnswering, reference: Any) -> None:
    found = for_lm_eval(answering).loglikelihood(pairs(), disable_tqdm=True)
    for mine, theirs in zip(found, reference.loglikelihood(pairs(), disable_tqdm=True), strict=True):
        assert mine[0] == pytest.approx(theirs[0], abs=TOLERANCE)
        assert mine[1] == theirs[1]


def test_texts_longer_than_the_window_are_scored_in_lm_evals_windows(answering: GgufAnswering, reference: Any) -> None:
    texts = [RECURRING, "the lazy dog", RECURRING * 3]
    asked = [Instance("loglikelihood_rolling", {}, (text,), index) for index, text in enumerate(texts)]
    found = for_lm_eval(answering).loglikelihood_rolling(asked, disable_tqdm=True)
    assert found == pytest.approx(reference.loglikelihood_rolling(asked, disable_tqdm=True), abs=2e-3)


def test_contexts_cut_to_the_window_are_cut_as_lm_eval_cuts_them(answering: GgufAnswering, reference: Any) -> None:
    asked = [Instance("loglikelihood", {}, (RECURRING * 3, ending), index) for index, ending in enumerate(ENDINGS)]
    found = for_lm_eval(answering).loglikelihood(asked, disable_tqdm=True)
    theirs = reference.loglikelihood(asked, disable_tqdm=True)
    assert [answer[0] for answer in found] == pytest.approx([answer[0] for answer in theirs], abs=1e-4)


@pytest.mark.parametrize("settings", [{}, {"until": ["e"]}, {"repetition_penalty": 1.3}, {"until": [" the", "q"]}])
def test_greedy_texts_are_lm_evals(answering: GgufAnswering, reference: Any, settings: dict[str, Any]) -> None:
    assert tiny_models.texts(for_lm_eval(answering), **settings) == tiny_models.texts(reference, **settings)


def test_more_endings_than_sequences_are_scored_in_waves(answering: GgufAnswering, reference: Any) -> None:
    words = ("the", "quick", "brown", "fox", "jumps")
    endings = [f" {word} {letter}" for word in words for letter in "abcdefg"]
    asked = [Instance("loglikelihood", {}, ("counts to ten", ending), 0) for ending in endings]
    found = for_lm_eval(answering).loglikelihood(asked, disable_tqdm=True)
    theirs = reference.loglikelihood(asked, disable_tqdm=True)
    assert [answer[0] for answer in found] == pytest.approx([answer[0] for answer in theirs], abs=TOLERANCE)


def test_distributions_are_those_of_transformers(answering: GgufAnswering, reference: Any) -> None:
    import torch

    ids = tokens(400)
    with torch.no_grad():
        expected = torch.log_softmax(reference.model(torch.tensor([ids])).logits[0], -1).numpy()
    parts = list(answering.distributions(ids, 7, Unobserved()))
    assert parts[0].first == 7
    found = np.concatenate([part.logprobs for part in parts])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected[6:], atol=1e-4)


def test_a_growing_text_is_as_if_computed_from_scratch(answering: GgufAnswering) -> None:
    def check(text: Any, rows: Any) -> None:
        whole = np.concatenate([part.logprobs for part in answering.distributions(text.ids, 1, Unobserved())])
        np.testing.assert_allclose(rows, whole[-len(rows) :], atol=1e-4)

    text = answering.grow(Unobserved())
    check(text, text.step(tokens(20)))
    for _ in range(5):
        check(text, text.step(tokens(1)))
    text.cut(13)
    other = text.fork()
    for _ in range(3):
        check(text, text.step(tokens(2)))
        check(other, other.step(tokens(1)))
    assert text.ids[:13] == other.ids[:13]
    assert text.ids != other.ids
    with pytest.raises(ValueError, match="cannot be cut"):
        text.cut(100)


class Reads(Unobserved):
    """Counts tokens that are read."""

    read = 0

    def prefilled(self, tokens: int, seconds: float) -> None:
        del seconds
        self.read += tokens


def test_a_growing_text_is_not_read_again_where_its_context_or_the_room_in_it_is_too_small(
    answering: GgufAnswering, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchtui.worker.answering.gguf import context
    from benchtui.worker.answering.gguf.growing_text import CachedText, TextCache

    monkeypatch.setattr(context, "_SMALLEST", 256)
    cache = TextCache(answering._make_context, answering.window)
    seen = Reads()
    first, text = CachedText(cache, seen), CachedText(cache, seen)
    first.step(tokens(150))
    for count in (100, 60, 20, 100, 20):  # beside the first one there is room for 106; alone for 256
        rows = text.step(tokens(count))
        *_, whole = (part.logprobs for part in answering.distributions(text.ids, 1, Unobserved()))
        np.testing.assert_allclose(rows[-1:], whole[-1:], atol=1e-4)
    assert (len(text.ids), seen.read) == (300, 450)
    cache.close()


def test_scores_of_a_quantised_file_do_not_depend_on_what_is_asked_with_them(folder: Path, tmp_path: Path) -> None:
    """So a run that is resumed gives what it would have given without the break, to the last bit."""
    from tests.worker.answering.gguf.files import open_gguf, write_gguf

    quantised = open_gguf(write_gguf(folder, tmp_path / "q8.gguf", quantized=True), settings={})
    lm = for_lm_eval(quantised)
    whole = lm.loglikelihood(pairs(), disable_tqdm=True)
    for first in range(0, len(whole), len(ENDINGS)):
        part = pairs()[first : first + len(ENDINGS)]
        assert lm.loglikelihood(part, disable_tqdm=True) == whole[first : first + len(ENDINGS)]
    texts = tiny_models.texts(lm)
    assert tiny_models.texts(lm) == texts
    quantised.close()
    again = open_gguf(tmp_path / "q8.gguf", settings={})
    assert for_lm_eval(again).loglikelihood(pairs()[4:8], disable_tqdm=True) == whole[4:8]
    assert tiny_models.texts(for_lm_eval(again)) == texts
    again.close()


def test_one_bos_before_each_text_where_the_file_says_so(folder: Path, tmp_path: Path) -> None:
    from tests.worker.answering.gguf.files import open_gguf, write_gguf

    with_bos = open_gguf(write_gguf(folder, tmp_path / "bos.gguf", add_bos_token=True))
    reference = tiny_models.lm_eval_model(folder, add_bos_token=True)
    tokenizer = with_bos.tokens
    for text in ("the lazy dog", "<s>the lazy dog"):
        (ids,) = tokenizer.encode([text]).values()
        assert ids.count(tokenizer.bos) == 1, text
        assert ids == reference.tok_encode(text) or text.startswith("<s>")
        assert tokenizer.encode_prompts([text])[text][0] == ids
    with_bos.close()


def test_what_llama_cpp_would_guess_is_refused(folder: Path, tmp_path: Path) -> None:
    from tests.worker.answering.gguf.files import open_gguf, write_gguf

    with pytest.raises(BenchtuiError, match=r"tokenizer\.ggml\.pre"):
        open_gguf(write_gguf(folder, tmp_path / "no-pre.gguf", without=("pre",)))


@pytest.mark.parametrize("damage", ["cut", "garbage", "gone"])
def test_a_file_that_cannot_be_loaded_is_named(file: Path, tmp_path: Path, damage: str) -> None:
    from tests.worker.answering.gguf.files import open_gguf

    path = tmp_path / "broken.gguf"
    data = file.read_bytes()
    if damage != "gone":
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"no model at all" * 100)
    with pytest.raises(BenchtuiError, match=r"broken\.gguf"):
        open_gguf(path)


def test_a_cancelled_computation_ends_at_once_and_the_model_answers_on(answering: GgufAnswering) -> None:
    class Stopped(Exception):  # noqa: N818 - what a stop looks like to the backend
        pass

    class Stopping(Unobserved):
        def tokens(self, n: int) -> None:
            raise Stopped

    lm = for_lm_eval(answering)
    before = lm.loglikelihood(pairs()[:4], disable_tqdm=True)
    lm.observer = Stopping()
    with pytest.raises(Stopped):
        lm.loglikelihood(pairs()[:4], disable_tqdm=True)
    lm.observer = Unobserved()
    assert lm.loglikelihood(pairs()[:4], disable_tqdm=True) == before


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (PromptSettings(model_args={"colour": "red"}), "no model argument colour"),
        (PromptSettings(dtype="bfloat16"), "--dtype bfloat16"),
    ],
)
def test_settings_that_mean_nothing_here_are_refused(file: Path, prompts: PromptSettings, words: str) -> None:
    from tests.worker.answering.gguf.files import open_gguf

    with pytest.raises(BenchtuiError, match=words):
        open_gguf(file, prompts)


def test_two_files_answer_side_by_side(answering: GgufAnswering, folder: Path, tmp_path: Path) -> None:
    from tests.worker.answering.gguf.files import open_gguf, write_gguf

    other = open_gguf(write_gguf(folder, tmp_path / "other.gguf", quantized=True), settings={})
    before = for_lm_eval(answering).loglikelihood(pairs(), disable_tqdm=True)
    quantised = for_lm_eval(other).loglikelihood(pairs(), disable_tqdm=True)
    assert for_lm_eval(answering).loglikelihood(pairs(), disable_tqdm=True) == before
    differences = [abs(one[0] - two[0]) for one, two in zip(before, quantised, strict=True)]
    assert 0 < max(differences) < 2
    other.close()


def test_time_of_reading_and_writing_is_told_apart(answering: GgufAnswering) -> None:
    class Timing(Unobserved):
        read = written = 0

        def prefilled(self, tokens: int, seconds: float) -> None:
            self.read += tokens

        def decoded(self, tokens: int, seconds: float) -> None:
            self.written += tokens

    lm = for_lm_eval(answering)
    lm.observer = timing = Timing()
    tiny_models.texts(lm)
    prompts = answering.tokens.encode_prompts(tiny_models.PROMPTS)
    assert timing.read == sum(length for _, length in prompts.values())
    assert 0 < timing.written <= 23 * len(prompts)


@pytest.mark.parametrize("names", [[f"m-{n:05}-of-00003.gguf" for n in (1, 2, 3)], ["one.gguf", "b.gguf", "a.gguf"]])
def test_a_split_model_answers_as_the_whole_one_whatever_its_parts_are_called(
    answering: GgufAnswering, folder: Path, names: list[str]
) -> None:
    from tests.worker.answering.gguf.files import open_gguf, write_split

    first, *others = write_split(folder, names)
    split = open_gguf(first, parts=others)
    expected = for_lm_eval(answering).loglikelihood(pairs(), disable_tqdm=True)
    assert for_lm_eval(split).loglikelihood(pairs(), disable_tqdm=True) == expected
    split.close()
