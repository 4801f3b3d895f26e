"""Documents turned into tokens: prompt and answer encoded together, and divided where the answer begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.modes import REFERENCE
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.protocol import Ids, Tokenizer
from benchtui.worker.tokens.texts.places import token_places


def encode_texts(
    documents: Sequence[TokenDocument],
    tokenizer: Tokenizer,
    vocabulary: StoredVocabulary | None = None,
    end: Ids = (),
) -> list[TextTokens]:
    """Encode each document as a whole, with the special tokens that a benchmark's prompts have (lm-eval's rules).

    A token that reaches from the prompt into the answer is the answer's. `end` are the tokens behind an answer that
    `ended` where the document does not say which one did. Where nothing stands before the first token that is to be
    scored, the tokenizer's `prefix` is put there; a document that is scored from its start, `scored_from` 0, is scored
    from its second token on instead.
    """
    with_prompt = tokenizer.encode({document.text for document in documents if document.prompt})
    without = tokenizer.encode({document.text for document in documents if not document.prompt}, special=False)
    return [
        _tokens(document, (with_prompt if document.prompt else without)[document.text], tokenizer, vocabulary, end)
        for document in documents
    ]


def _tokens(
    document: TokenDocument, ids: Ids, tokenizer: Tokenizer, vocabulary: StoredVocabulary | None, end: Ids
) -> TextTokens:
    text = document.text
    starts, ends = token_places(text, ids, tokenizer, vocabulary)
    ids = list(ids)
    answer = _first_reaching(ends, len(document.prompt)) if document.answer else len(ids)
    if not document.prompt:
        answer = int(ids[:1] == [tokenizer.prefix])
    if answer == 0 and document.scored_from is None:
        ids, starts, ends = [tokenizer.prefix, *ids], np.insert(starts, 0, 0), np.insert(ends, 0, 0)
    answer = max(answer, 1)
    first = answer if document.scored_from is None else min(_first_reaching(ends, document.scored_from), answer)
    end = _end_of(document, tokenizer, end)
    if document.ended and (not end or ids[-len(end) :] != list(end)):
        ids = [*ids, *end]
        behind = np.full(len(end), len(text), np.int32)
        starts, ends = np.append(starts, behind), np.append(ends, behind)
    return TextTokens(np.array(ids, np.int32), starts, ends, max(first, 1), answer)


def _end_of(document: TokenDocument, tokenizer: Tokenizer, otherwise: Ids) -> Ids:
    """The token that ended an answer, where this tokenizer has it as well."""
    ids = tokenizer.encode([document.end], special=False)[document.end] if document.end else []
    return ids if len(ids) == 1 else otherwise


def _first_reaching(ends: NDArray[np.int32], place: int) -> int:
    """The first token that has a character behind `place`."""
    return int(np.searchsorted(ends, place, side="right"))


def unlike_lm_eval(documents: Sequence[TokenDocument], tokens: Sequence[TextTokens], tokenizer: Tokenizer) -> int:
    """Count the answers of which lm-eval, too, computes the log-likelihood (the right ones of choices), but of other
    tokens: it moves white space at the end of a prompt into the answer, and divides the tokens by the number of those
    of the prompt alone (`TemplateLM._encode_pair`)."""
    asked = [
        (document, text)
        for document, text in zip(documents, tokens, strict=True)
        if document.prompt and document.written_by == REFERENCE and document.span == (0, len(document.answer))
    ]
    prompts = tokenizer.encode({document.prompt.rstrip() for document, _ in asked})
    return sum(text.answer != max(len(prompts[document.prompt.rstrip()]), 1) for document, text in asked)
