"""One model over all texts of a run, a shard at a time: what is there already is not computed again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.tokens.events import TokensPlanned
from benchtui.tokens.arrays import ShardFile
from benchtui.tokens.records import StoredModel, TextTokens, TokenDocument
from benchtui.tokens.store import TextSet
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.next_token import HidesStates, Vocabulary
from benchtui.worker.answering.opening import open_answering
from benchtui.worker.answering.protocol import Answering, BatchTooLargeError, Observer, Unobserved
from benchtui.worker.not_a_number import NotANumberError
from benchtui.worker.tokens.context import TokensContext, model_shard, request_of
from benchtui.worker.tokens.heads import kept_head
from benchtui.worker.tokens.observer import PassObserver
from benchtui.worker.tokens.reading import Found, ModelReader, hides_states, kept_of
from benchtui.worker.tokens.sizes import bytes_per_position, check_size, guessed_bytes, pair_bytes
from benchtui.worker.tokens.statistics import KnownTokens
from benchtui.worker.tokens.text_sets import NumberedTexts, TextSets, encoded
from benchtui.worker.tokens.texts.own import write_own_texts
from benchtui.worker.tokens.windows import windows_of


class ModelPasses:
    """The passes of a run's models, one after another: one is in memory at a time."""

    def __init__(self, context: TokensContext, sets: TextSets, documents: Sequence[TokenDocument]) -> None:
        self._context = context
        self._sets = sets
        self._documents = documents
        self._sizes: dict[int, tuple[int, int]] = {}

    def read(self, number: int) -> None:
        """Have one model read its texts, as far as it has not, and write what is found of them.

        Raises what opening a model and `ModelReader.read` raise, BenchtuiError where the store would become too large,
        StopRequested where the run was told to stop, OSError or sqlite3.OperationalError (a full disk).
        """
        noted = self._context.noted_model(number)
        if noted is not None:
            texts = self._sets.numbered(noted.texts)
            if not _missing(self._context, number, noted, texts):
                each = int(self._context.journal.noted(f"size of model {number}") or 0)
                self._count(number, texts.texts, each, noted.vocabulary)
                self._finish(number, noted, texts)
                return
        self._open_and_read(number)

    def _open_and_read(self, number: int) -> None:
        context, plan = self._context, self._context.plan
        label = plan.models[number].label
        context.reporter.task = label
        context.reporter.phase("loading model", task=label, detail=plan.models[number].source.path)
        context.process.stop.interruptible = True
        answering = open_answering(plan.load_plan(number), context.reporter, context.process.memory_share)
        with closing(answering):
            context.process.stop.interruptible = False
            context.process.stop.check()
            self._read_with(number, answering)

    def _read_with(self, number: int, answering: Answering) -> None:
        context = self._context
        context.journal.bind({f"dtype of model {number}": answering.facts.dtype})
        vocabulary = _vocabulary(answering)
        tokenizer = context.writer.vocabulary(vocabulary)
        texts = self._texts(number, answering, vocabulary)
        keep = kept_of(answering, context.plan.keep)
        known = KnownTokens.of(vocabulary)
        model = _described(context, number, answering, keep=keep, texts=texts, tokenizer=tokenizer, known=known)
        reader = ModelReader(answering, known, keep, context.plan.top_k)
        each = _position_bytes(answering, model, texts.texts, context.plan.top_k)
        self._count(number, texts.texts, each, model.vocabulary)
        context.note_model(number, model)
        if (
            context.plan.keep_heads
            and hides_states(answering)
            and model.head
            and kept_head(context, model.head) is None
        ):
            answering.save_head(context.writer.head_file(model.head))
        self._pass(number, model, texts, reader)
        self._finish(number, model, texts)

    def _texts(self, number: int, answering: Answering, vocabulary: StoredVocabulary) -> NumberedTexts:
        """The texts that a model reads: those of all models of its tokenizer, or its own, which it writes first."""
        context, plan = self._context, self._context.plan
        key = vocabulary.digest if plan.mode == "given" else f"model {number}"
        if (found := self._sets.of(key)) is not None:
            return found
        documents = self._documents
        if plan.mode == "own":
            nothing = (0,) * len(plan.models)  # how much there is to score is known once it is written
            context.reporter.emit(TokensPlanned(documents=len(documents), positions=nothing, bytes=0))
            context.reporter.phase("evaluating", task=plan.models[number].label, detail="writing texts")
            documents = write_own_texts(
                documents,
                number,
                plan.models[number].label,
                plan.sampling,
                answering,
                context.journal,
                context.reporter,
                context.process.stop,
            )
        return self._sets.add(key, documents, encoded(context, number, documents, answering, vocabulary))

    def _pass(self, number: int, model: StoredModel, texts: NumberedTexts, reader: ModelReader) -> None:
        context, total = self._context, len(texts.texts.documents)
        context.reporter.phase("evaluating", task=model.label)
        observer = PassObserver(context.reporter, context.process.stop, number, model.label, total)
        missing = _missing(context, number, model, texts)
        for shard, (begin, end) in enumerate(zip(texts.texts.shards[:-1], texts.texts.shards[1:], strict=True)):
            if shard not in missing:
                file = ShardFile(context.writer.shard_file(number, shard))
                observer.counted(end - begin, file.read("entropy"), file.read("logprob"))
                continue
            context.process.stop.check()
            observer.reading([(n, texts.texts.documents[n]) for n in range(begin, end)])
            found = _read_shard(reader, texts.texts, range(begin, end), observer)
            facts = {"removed": repr(found.removed), "dtype": found.dtype}
            digest = context.writer.shard(number, shard, found.scores, found.more, facts)
            context.keep(model_shard(number, shard), _request(model, texts, shard), digest)
            observer.counted(end - begin, found.scores.entropy, found.scores.logprob)
        observer.tell(force=True)

    def _finish(self, number: int, model: StoredModel, texts: NumberedTexts) -> None:
        """Write model.json: all shards are there."""
        writer = self._context.writer
        files = [ShardFile(writer.shard_file(number, shard)) for shard in range(len(texts.texts.shards) - 1)]
        removed = max((float(file.facts.get("removed", "0")) for file in files), default=0.0)
        dtype = next((file.facts["dtype"] for file in files if file.facts.get("dtype")), "")
        writer.model(number, msgspec.structs.replace(model, removed=removed, dtype=dtype))

    def _count(self, number: int, texts: TextSet, each: int, vocabulary: int) -> None:
        """Tell how much there is to do, where a position of this model takes `each` bytes."""
        plan = self._context.plan
        positions = int(texts.offsets[-1])
        self._sizes[number] = positions, each
        self._context.journal.note(f"size of model {number}", each)
        sizes = [
            self._sizes.get(one) or (positions, guessed_bytes(plan, one, number, each, vocabulary))
            for one in range(len(plan.models))
        ]
        counts = tuple(count for count, _ in sizes)
        total = sum(count * size for count, size in sizes) + positions * pair_bytes(plan)
        self._context.reporter.emit(TokensPlanned(documents=len(texts.documents), positions=counts, bytes=total))
        check_size(total, sum(counts), plan)


def _vocabulary(answering: Answering) -> StoredVocabulary:
    if not isinstance(answering, Vocabulary):
        raise BenchtuiError(
            f"The {answering.facts.backend} backend does not tell which tokens its ids are.", "Choose another backend."
        )
    return StoredVocabulary.of(answering.token_bytes())


def _described(
    context: TokensContext,
    number: int,
    answering: Answering,
    *,
    keep: str,
    texts: NumberedTexts,
    tokenizer: str,
    known: KnownTokens,
) -> StoredModel:
    one, facts = context.plan.models[number], answering.facts
    return msgspec.convert(
        {
            "label": one.label,
            "texts": texts.number,
            "backend": one.backend,
            "source": one.source.path,
            "identity": one.source.identity,
            "keep": keep,
            "tokenizer": tokenizer,
            "vocabulary": known.count - len(known.holes),
            "head": answering.head_digest() if keep == "hidden" and hides_states(answering) else "",
            "raw_logits": hides_states(answering),
            "caveats": (*facts.caveats, *_head_caveat(answering), *_windows_caveat(texts.texts, facts.context_length)),
        },
        StoredModel,
    )


def _head_caveat(answering: Answering) -> list[str]:
    """16 bits put about 0.02 nats of noise on an entropy, and as much on the KL of a model with its own base."""
    if not isinstance(answering, HidesStates) or (dtype := answering.head_dtype()) == "float32":
        return []
    return [f"The output head is computed in {dtype}, as it is no plain matrix: its numbers are rounded to that."]


def _windows_caveat(texts: TextSet, longest: int) -> list[str]:
    divided = cut = 0
    for text in texts.tokens:
        windows = list(windows_of(text, longest))
        divided += len(windows) > 1
        cut += len(windows) == 1 and windows[0].begin > 0
    of = f"of {len(texts.tokens):,} texts"
    found = []
    if divided:
        found.append(f"{divided:,} {of} are longer than the window of {longest:,} tokens and are read in windows.")
    if cut:
        found.append(f"{cut:,} {of} are longer than the window of {longest:,} tokens: the start is not read.")
    return found


def _missing(context: TokensContext, number: int, model: StoredModel, texts: NumberedTexts) -> set[int]:
    """The shards that are not there."""
    shards = range(len(texts.texts.shards) - 1)
    return {
        key.doc_id
        for key in context.missing({model_shard(number, shard): _request(model, texts, shard) for shard in shards})
    }


def _request(model: StoredModel, texts: NumberedTexts, shard: int) -> str:
    return request_of(texts.digest, shard, model.keep, model.identity, model.head, model.tokenizer)


def _read_shard(reader: ModelReader, texts: TextSet, documents: range, observer: Observer) -> Found:
    tokens = [texts.tokens[number] for number in documents]
    while True:
        try:
            return reader.read(tokens, observer)
        except NotANumberError as error:
            place = error.request[0] if error.request else _first_without_numbers(reader, tokens, observer)
            raise NotANumberError(texts.documents[documents[place]].place) from error
        except BatchTooLargeError as error:
            said = str(error)
        reader.answering.shrink(said, observer)  # outside the handler: an error keeps the tensors of its frames alive


def _first_without_numbers(reader: ModelReader, tokens: Sequence[TextTokens], observer: Observer) -> int:
    """Read the texts one by one until the model computes NaN again; the first one where it does not."""
    for place, text in enumerate(tokens):
        try:
            reader.read([text], observer)
        except NotANumberError:
            return place
    return 0


def _position_bytes(answering: Answering, model: StoredModel, texts: TextSet, top_k: int) -> int:
    return bytes_per_position(
        model.keep,
        state_bytes=_state_bytes(answering, texts) if model.keep == "hidden" else 0,
        vocabulary=model.vocabulary,
        top_k=top_k,
    )


def _state_bytes(answering: Answering, texts: TextSet) -> int:
    """The bytes of one hidden state, from the first token that has one."""
    text = next((text for text in texts.tokens if len(text.ids) > 1), None)
    if text is None or not hides_states(answering):
        return 0
    ((_, found),) = answering.hidden_states([(text.ids[:2].tolist(), 1)], Unobserved())
    return int(found.states.shape[1] * found.states.element_size())
