"""The texts of a run as tokens: one set for all models of one tokenizer, or, where each writes its own, one a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import GivenTexts, TaskReferences, TokensPlan
from benchtui.text import one_line
from benchtui.tokens.records import StoreHeader, TextTokens, TokenDocument
from benchtui.tokens.store import SHARD_TOKENS, DistributionStore, TextSet, divided, texts_digest
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.tokens.context import TokensContext
from benchtui.worker.tokens.texts.encode import encode_texts, unlike_lm_eval
from benchtui.worker.tokens.texts.ends import end_tokens

_FULL = 16
"""Where whole vocabularies are kept, a shard has so many times fewer tokens."""


@dataclass(frozen=True)
class NumberedTexts:
    """A text set, its number in the store, and a digest of its files."""

    number: int
    texts: TextSet
    digest: str


class TextSets:
    """The text sets of a run: written when the first model that reads them is opened, and never changed again."""

    def __init__(self, context: TokensContext) -> None:
        self._context = context
        self._noted: dict[str, list[Any]] = context.journal.noted("text sets") or {}
        self._known: dict[int, NumberedTexts] = {}

    def first_documents(self) -> list[TokenDocument] | None:
        """The documents that the run has begun with; None where it has not."""
        return list(self.numbered(0).texts.documents) if self._noted else None

    def numbered(self, number: int) -> NumberedTexts:
        """A text set that was written. Raises BenchtuiError where it is no longer what it was."""
        if number not in self._known:
            folder = self._context.writer.folder
            digest = next((str(digest) for one, digest in self._noted.values() if one == number), "")
            if not digest or texts_digest(folder, number) != digest:
                raise BenchtuiError(
                    f"{one_line(str(folder / 'texts'), 400)} has changed since the run began.", "Start a new run."
                )
            self._known[number] = NumberedTexts(number, DistributionStore(folder).text_set(number), digest)
        return self._known[number]

    def of(self, key: str) -> NumberedTexts | None:
        """The set of a `key`, a tokenizer's digest or a model's number; None where it was not written yet."""
        return self.numbered(int(self._noted[key][0])) if key in self._noted else None

    def add(self, key: str, documents: Sequence[TokenDocument], tokens: Sequence[TextTokens]) -> NumberedTexts:
        """Write the set of a `key`."""
        context, number = self._context, len(self._noted)
        texts = TextSet(documents, tokens, divided(tokens, shard_tokens(context.plan)))
        digest = context.writer.texts(number, texts)
        self._noted[key] = [number, digest]
        context.journal.note("text sets", self._noted)
        self._known[number] = NumberedTexts(number, texts, digest)
        return self._known[number]


def encoded(
    context: TokensContext,
    number: int,
    documents: Sequence[TokenDocument],
    answering: Answering,
    vocabulary: StoredVocabulary,
) -> list[TextTokens]:
    """Turn documents into tokens of a model. Raises BenchtuiError where it has no tokenizer here, or where there is
    nothing to score."""
    tokenizer = answering.tokens
    if tokenizer is None:
        raise BenchtuiError(
            f"The {answering.facts.backend} backend has no tokenizer to ask: texts cannot be divided into tokens.",
            "Choose another backend, or name the model's folder with --tokenizer.",
        )
    templated = context.plan.models[number].prompts.chat_template is not None
    tokens = encode_texts(
        documents, tokenizer, vocabulary, end_tokens(tokenizer, answering.chat if templated else None)
    )
    if not any(len(text.scored) for text in tokens):
        raise BenchtuiError("The texts have no token to score.", "Choose texts with answers.")
    if unlike := unlike_lm_eval(documents, tokens, tokenizer):
        context.reporter.warn(
            f"lm-eval would score other tokens of {unlike:,} of {len(documents):,} answers: it moves white space at "
            "the end of a prompt into the answer.",
            "Here each text is divided into tokens as a whole.",
        )
    return tokens


def header_of(context: TokensContext, documents: int) -> StoreHeader:
    """What the store of a run is of."""
    plan = context.plan
    return StoreHeader(
        fingerprint=plan.fingerprint,
        mode=plan.mode,
        labels=tuple(model.label for model in plan.models),
        texts=about_texts(context),
        documents=documents,
        pairs=plan.pairs if plan.mode == "given" else (),
        top_k=plan.top_k,
    )


def about_texts(context: TokensContext) -> str:
    """Return in one line what the texts are."""
    texts = context.plan.texts
    if isinstance(texts, GivenTexts):
        found = texts.name
    elif isinstance(texts, TaskReferences):
        found = f"references of {', '.join(task.name for task in texts.tasks)}"
    else:
        tasks = f" to {', '.join(texts.tasks)}" if texts.tasks else ""
        what = "stored answers and their questions" if texts.prompts_too else "stored answers"
        found = f"{what} of {', '.join(texts.labels)}{tasks}"
    return one_line(found, 200)


def shard_tokens(plan: TokensPlan) -> int:
    """Return how many scored tokens a shard has: few where whole vocabularies may be kept of them."""
    others = any(model.backend != "hf" for model in plan.models)
    return SHARD_TOKENS // _FULL if plan.keep == "full" or (plan.keep == "hidden" and others) else SHARD_TOKENS
