"""Requests shaped like those of MMLU, HellaSwag, GSM8K, IFEval and wikitext, and a tokenizer for them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from lm_eval.api.instance import Instance
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_SUBJECTS = ("astronomy", "law")
_NOUNS = ("river", "stone", "lamp", "garden", "engine", "letter", "market", "teacher", "doctor", "bridge", "orange")
_VERBS = ("moves", "opens", "breaks", "carries", "follows", "paints", "counts", "answers", "builds", "watches", "holds")
_ADJECTIVES = ("small", "bright", "heavy", "early", "quiet", "broken", "distant", "warm")


def _sentence(chance: random.Random, words: int) -> str:
    parts = []
    while len(parts) < words:
        parts += ["the", chance.choice(_ADJECTIVES), chance.choice(_NOUNS), chance.choice(_VERBS)]
    return " ".join(parts[:words])


def _question(chance: random.Random, answer: str) -> str:
    choices = "".join(f"\n{letter}. {_sentence(chance, 2)}" for letter in "ABCD")
    return f"What does {_sentence(chance, chance.randint(3, 8))}?{choices}\nAnswer:{answer}"


def knowledge(questions: int = 4) -> list[Instance]:
    """Like MMLU: a few-shot block for each subject, and four one-letter answers for each question."""
    chance = random.Random(1)  # noqa: S311
    requests = []
    for subject in _SUBJECTS:
        shots = "\n\n".join(_question(chance, f" {chance.choice('ABCD')}") for _ in range(2))
        head = f"The following are questions about {subject}.\n\n{shots}\n\n"
        for number in range(questions):
            context = head + _question(chance, "")
            requests += [("loglikelihood", (context, f" {letter}"), number) for letter in "ABCD"]
    return instances("knowledge", requests)


def endings(contexts: int = 6) -> list[Instance]:
    """Like HellaSwag: endings of several tokens, some of which begin alike, one context longer than the window."""
    chance = random.Random(2)  # noqa: S311
    requests = []
    for number in range(contexts):
        context = f"Everyday life: {_sentence(chance, 180 if number == 1 else chance.randint(4, 24))}"
        first = _sentence(chance, 3)
        texts = [f" {first} {_sentence(chance, 2)}", f" {first}", *(f" {_sentence(chance, n)}." for n in (2, 7))]
        requests += [("loglikelihood", (context, text), number) for text in texts]
    requests += [("loglikelihood", ("", "the river"), 90), ("loglikelihood", ("the lamp  ", "opens"), 91)]
    return instances("endings", requests)


def sums(questions: int = 5) -> list[Instance]:
    """Like GSM8K: a common few-shot block, stop strings of several tokens, one prompt longer than the window."""
    chance = random.Random(3)  # noqa: S311
    shots = "".join(f"Question: {_sentence(chance, 8)}\nAnswer: {_sentence(chance, 6)}\n\n" for _ in range(3))
    settings = {"until": ["Question:", "</s>", "the"], "do_sample": False, "temperature": 0.0, "max_gen_toks": 40}
    prompts = [f"{shots}Question: {_sentence(chance, chance.randint(4, 14))}\nAnswer:" for _ in range(questions)]
    prompts.append(f"{_sentence(chance, 260)}\nAnswer:")
    return instances("sums", [("generate_until", (prompt, settings), n) for n, prompt in enumerate(prompts)])


def instructions(prompts: int = 4) -> list[Instance]:
    """Like IFEval: prompts that share nothing, no stop strings, up to the limit; two settings among them."""
    chance = random.Random(4)  # noqa: S311
    long: dict[str, Any] = {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 48}
    short: dict[str, Any] = {"until": ["\n", "."], "max_gen_toks": 24}
    texts = [f"{_sentence(chance, chance.randint(2, 30)).capitalize()}." for _ in range(prompts)]
    requests = [("generate_until", (text, short if n % 3 == 2 else long), n) for n, text in enumerate(texts)]
    return instances("instructions", requests)


def passages() -> list[Instance]:
    """Like wikitext: whole texts, one longer than two windows, one empty."""
    chance = random.Random(5)  # noqa: S311
    texts = [_sentence(chance, words) for words in (12, 30, 420)] + [""]
    return instances("passages", [("loglikelihood_rolling", (text,), n) for n, text in enumerate(texts)])


def instances(task: str, requests: Iterable[tuple[str, tuple[Any, ...], int]]) -> list[Instance]:
    """lm-eval's instances of (request type, arguments, document number)."""
    return [
        Instance(request_type=kind, doc={}, arguments=arguments, idx=0, metadata=(task, document, 1))
        for kind, arguments, document in requests
    ]


def make_tokenizer(bos: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer trained on the requests; `bos` puts <s> before every text, as Llama's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [str(argument) for request in [*knowledge(), *endings(), *sums()] for argument in request.args]
    special = ["<s>", "</s>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=384, special_tokens=special, initial_alphabet=alphabet)
    )
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=256
    )
