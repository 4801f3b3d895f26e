"""Strings to token ids and back, by lm-eval's rules, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lm_eval.models.utils import has_bos_prefix, postprocess_generated_text

# Strings handed to the tokenizer at once: its own working memory is many times the ids'.
_AT_ONCE = 256


def encoded_texts(lm: Any, texts: Iterable[str]) -> dict[str, list[int]]:
    """What `lm.tok_encode(text)` gives for each text."""
    begins_with = lm.tokenizer.decode(lm.prefix_token_id)
    return _encoded(lm, texts, begins_with, truncation=False)


def pair_texts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The strings that lm-eval encodes for contexts and continuations (`TemplateLM._encode_pair`)."""
    for context, continuation in pairs:
        if context:
            yield context + continuation
            yield context.rstrip()


def encoded_prompts(lm: Any, contexts: Iterable[str]) -> dict[str, list[int]]:
    """What `lm.tok_batch_encode([context])` gives for each context, before it is cut to the window.

    lm-eval looks whether the first context of a batch begins with the BOS token, and treats the whole batch alike;
    here each is looked at.
    """
    return _encoded(lm, contexts, getattr(lm.tokenizer, "bos_token", None), truncation=lm.truncation)


def prompt_lengths(lm: Any, encoded: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """How many tokens each of these encoded prompts has: more than it was encoded to where the tokenizer itself cuts
    (lm-eval's `truncation`)."""
    whole = encoded
    if lm.truncation:
        whole = _encoded(lm, encoded, getattr(lm.tokenizer, "bos_token", None), truncation=False)
    return {text: len(ids) for text, ids in whole.items()}


def _encoded(lm: Any, texts: Iterable[str], begins_with: str | None, truncation: bool) -> dict[str, list[int]]:
    plain = {} if lm.add_bos_token is None else {"add_special_tokens": lm.add_bos_token}
    groups: dict[bool, list[str]] = {False: [], True: []}
    for text in dict.fromkeys(texts):
        groups[has_bos_prefix(text, begins_with)].append(text)
    ids: dict[str, list[int]] = {}
    for begun, group in groups.items():
        special = {"add_special_tokens": False} if begun else plain
        for first in range(0, len(group), _AT_ONCE):
            part = group[first : first + _AT_ONCE]
            encoding = lm.tokenizer(part, truncation=truncation, **special)
            ids.update(zip(part, encoding["input_ids"], strict=True))
    return ids


def generated_text(lm: Any, tokens: Sequence[int], until: Sequence[str]) -> str:
    """The answer in generated tokens, as `HFLM.generate_until` reads it: without thoughts, up to a stop string."""
    end = lm.think_end_token
    kept = list(tokens)
    if isinstance(end, int) and end in kept:
        kept = kept[len(kept) - kept[::-1].index(end) :]
    text = lm.tok_decode(kept)
    if isinstance(end, int):
        text = text.lstrip()
    answer: str = postprocess_generated_text(text, list(until), end if isinstance(end, str) else None)
    return answer
