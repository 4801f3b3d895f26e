"""A finished comparison by token in a model's folder, without any model: answers of the kind that people compare, a
reference that knows nothing of the calculator's marks, and a fine-tuned model that writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import GivenTexts, TokenModel, TokensPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, write_record
from benchtui.tokens.modes import Change
from benchtui.tokens.records import StoredModel, StoreHeader, TextTokens, TokenDocument
from benchtui.tokens.store import STORE, DistributionStore, StoreWriter, TextSet, divided
from benchtui.tokens.summary import SUMMARY, Spread, TokensSummary
from benchtui.tokens.vocabulary import StoredVocabulary
from tests.reports.tokens.made_summary import made_summary
from tests.tokens.made_store import log_softmax, pair_of, scores_of

QUESTION = (
    "Question: Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her "
    "friends every day with four. She sells the rest for $2 per egg. How much does she make every day?\nAnswer:"
)
WORKED = (
    " Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\nShe makes 9 * 2 = $<<9*2=18>>18 every day at the "
    "farmer's market.\n#### 18"
)
PLAIN = " The answer is 18 dollars because 16 eggs less 7 eggs are 9 eggs.\n#### 18"
END = "<|im_end|>"
_TOKENS = re.compile(r"\s?<<|>>|\n+|\s?\w+|\s?[^\w\s]|\s")


@dataclass(frozen=True)
class Made:
    """A text of a made comparison."""

    place: str
    prompt: str
    answer: str
    written_by: str = ""
    change: Change = ""


TEXTS = (
    Made("gsm8k #17", QUESTION, WORKED, "tuned", "fixed"),
    Made("gsm8k #17", QUESTION, PLAIN, "base", "fixed"),
    Made("gsm8k #18", "Question: What is 2 + 2?\nAnswer:", " 2 + 2 = <<2+2=4>>4.\n#### 4", "tuned"),
    Made("gsm8k #18", "Question: What is 2 + 2?\nAnswer:", " It is 4.\n#### 4", "base"),
    Made("gsm8k #21", "Question: What is 7 * 8?\nAnswer:", " 7 * 8 = <<7*8=54>>54.\n#### 54", "tuned", "broken"),
    Made("gsm8k #21", "Question: What is 7 * 8?\nAnswer:", " Seven times eight is 56.\n#### 56", "base", "broken"),
)


def made_run(
    model: Path,
    texts: Sequence[Made] = TEXTS,
    labels: Sequence[str] = ("base", "tuned"),
    *,
    name: str = "2026-11-21T00-30-00",
    compared: bool = True,
) -> RunDirectory:
    """Write a finished run of kind `tokens` into a model's folder."""
    run = RunDirectory(model / "tokens" / name)
    models = tuple(
        TokenModel(label=label, source=HubSource(path=label, identity="x"), prompts=PromptSettings(), backend="hf")
        for label in labels
    )
    pairs = tuple((0, number) for number in range(1, len(labels))) if compared else ()
    plan = TokensPlan(
        model_name=model.name, bench_id=name, created="2026-11-21T00:30:00", models=models,
        texts=GivenTexts("made", ()), pairs=pairs, mode="given" if compared else "own",
    )  # fmt: skip
    write_plan(run.plan_file, plan)
    write_record(run.done, DoneRecord("finished", "", 1_795_221_000.0))
    store = _store(run.path / STORE, texts, labels, pairs)
    (run.path / STORE / SUMMARY).write_bytes(msgspec.json.encode(_summary(store, texts, compared)))
    return run


def _summary(store: DistributionStore, texts: Sequence[Made], compared: bool) -> TokensSummary:
    if not compared:
        from tests.reports.tokens import made_summary as made

        models = tuple(made._model(store, number) for number in range(len(store.header.labels)))
        return TokensSummary("own", store.header.texts, store.header.documents, models)
    summary = made_summary(store)
    pairs = []
    for pair in summary.pairs:
        js = store.pair_column(pair.first, pair.second, "js")
        known = {**pair.spreads["js"].quantiles, "95%": float(np.quantile(js, 0.95))}
        spreads = {**pair.spreads, "js": Spread(known, float(js.max()))}
        pairs.append(msgspec.structs.replace(pair, spreads=spreads))
    flips = summary.flips if any(text.change in ("fixed", "broken") for text in texts) else None
    return msgspec.structs.replace(summary, pairs=tuple(pairs), flips=flips)


def _store(
    folder: Path, texts: Sequence[Made], labels: Sequence[str], pairs: tuple[tuple[int, int], ...]
) -> DistributionStore:  # fmt: skip
    rng = np.random.default_rng(7)
    documents = [
        TokenDocument(
            place=text.place, prompt=text.prompt, answer=text.answer, group=text.place,
            task=text.place.rsplit(" #", 1)[0],
            doc_id=int(text.place.rsplit("#", 1)[-1]) if "#" in text.place else -1,
            written_by=text.written_by, change=text.change, ended=True,
        )
        for text in texts
    ]  # fmt: skip
    vocabulary: dict[bytes, int] = {END.encode(): 0, b" \xce\xb1": 1, b" the": 2, b" 9": 3, b"\n\n": 4, b" So": 5}
    tokens = [_tokens(document, vocabulary) for document in documents]
    set_of_texts = TextSet(documents, tokens, divided(tokens, 400))
    writer = StoreWriter(folder)
    writer.header(StoreHeader("made", "given" if pairs else "own", tuple(labels), "gsm8k, answers of base and tuned",
                              len(documents), pairs=pairs))  # fmt: skip
    writer.texts(0, set_of_texts)
    digest = writer.vocabulary(StoredVocabulary.of([(token, not number) for number, token in enumerate(vocabulary)]))
    marks = {number for token, number in vocabulary.items() if b"<<" in token or b">>" in token}
    for shard, (begin, end) in enumerate(zip(set_of_texts.shards[:-1], set_of_texts.shards[1:], strict=True)):
        ids = np.concatenate([text.scored for text in tokens[begin:end]])
        all_logprobs = _logprobs(ids, len(vocabulary), len(labels), marks, rng)
        for number, logprobs in enumerate(all_logprobs):
            writer.shard(number, shard, scores_of(logprobs, ids), {}, {})
        for one, other in pairs:
            writer.pair(one, other, shard, pair_of(all_logprobs[one], all_logprobs[other]))
    for number, label in enumerate(labels):
        writer.model(number, StoredModel(label, 0, "hf", "made", "made", "scalars", digest, len(vocabulary)))
    return DistributionStore(folder)


def _logprobs(
    ids: NDArray[np.int32], size: int, models: int, marks: set[int], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """The text's token is likely for all models; marks of the calculator are so for all but the first."""
    logits = rng.normal(0, 1, (len(ids), max(size, 10)))
    logits[np.arange(len(ids)), ids] += rng.choice([3.0, 6.0, 9.0], len(ids), p=[0.2, 0.3, 0.5])
    found = [logits + number * rng.normal(0, 0.25, logits.shape) for number in range(models)]
    for place, token in enumerate(ids):
        if int(token) in marks:
            found[0][place, token] -= 9
    return [log_softmax(one) for one in found]


def _tokens(document: TokenDocument, vocabulary: dict[bytes, int]) -> TextTokens:
    """A token a word with the space before it; signs that are not ASCII are a token a byte; then the end."""
    ids, starts, ends = [], [], []
    text = document.text
    for found in _TOKENS.finditer(text):
        word = found.group()
        pieces = [word.encode()] if word.isascii() else []
        spans = [found.span()]
        if not pieces:
            pieces, spans = [], []
            for place, sign in enumerate(word, found.start()):
                for byte in sign.encode("utf-8", "surrogatepass"):
                    pieces.append(bytes([byte]))
                    spans.append((place, place + 1))
        for piece, (start, end) in zip(pieces, spans, strict=True):
            ids.append(vocabulary.setdefault(piece, len(vocabulary)))
            starts.append(start)
            ends.append(end)
    answer = next((n for n, end in enumerate(ends) if end > len(document.prompt)), len(ids))
    arrays = (np.array([*values], np.int32) for values in ([*ids, 0], [*starts, len(text)], [*ends, len(text)]))
    return TextTokens(*arrays, answer, answer)
