"""What is known of the tokens of texts, by model and by pair of models.

A position is that of the token that is predicted: its numbers belong to the distribution of the next token after
everything before it, at temperature 1. All are in nats. Arrays have one entry a scored token, in the order of the text.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.modes import Bound, Change, Keep, Mode

TOP = 10
"""How many of the likeliest tokens are kept at every position, whatever else is."""
LIKELIEST_IDS, LIKELIEST, FULL = "likeliest_ids", "likeliest_logprobs", "logprobs"
"""Names of what else a shard of a store may keep: the likeliest tokens and their log-probabilities, or all of these."""


class TokenDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """One text: a prompt and what follows it, of which every token is scored.

    `place` is how users read it ("gsm8k #17"). `task`, `doc_id`, `doc_hash` say which document of a benchmark it is
    ("" and -1: none). `written_by` is the label of the model that wrote `answer`, "reference" for a task's own, "" for
    a text as it was given. `group` is what statistics take as one unit: documents of one question share it. `span` is
    where in `answer`, in characters, the part stands that was scored (of a worked answer the last number), None where
    that is not known. `ended` says that the answer ends here, so that the end token behind it is scored too: the one
    that is written `end`, where that is "" the end token of the model that reads it. `lost` counts characters of the
    prompt that did not fit and were left out at its start. `scored_from` is the character of the prompt from which on
    its tokens are scored as well, None where only those of the answer are.
    """

    place: str
    prompt: str
    answer: str
    group: str
    task: str = ""
    doc_id: int = -1
    doc_hash: str = ""
    written_by: str = ""
    change: Change = ""
    span: tuple[int, int] | None = None
    ended: bool = False
    end: str = ""
    lost: int = 0
    scored_from: int | None = None

    @property
    def text(self) -> str:
        """Prompt and answer: what the spans of tokens count in."""
        return self.prompt + self.answer


@dataclass(frozen=True)
class TextTokens:
    """The tokens of one document: `ids`, `starts` and `ends` are int32 [n]; the characters starts[i]:ends[i] of its
    text are those of token i, empty for a token that is no text (the first one, the end), shared by tokens that are
    parts of one character. Tokens from `first` on are scored; `answer` is the first of the answer's."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    first: int
    answer: int

    @property
    def scored(self) -> NDArray[np.int32]:
        """The ids of the scored tokens."""
        return self.ids[self.first :]


@dataclass(frozen=True)
class TokenScores:
    """What one model makes of the scored tokens of one document.

    `logprob`, `entropy`, `logsumexp` are float32 [n]; `rank` int32 [n] counts the tokens that are likelier than the
    scored one, plus 1. `top_ids` int32 and `top_logprobs` float32 [n, TOP] are the likeliest tokens, in order (ids -1
    where a server told fewer). `logsumexp` of the raw logits: logit = log-probability + logsumexp; NaN where the source
    gives log-probabilities only. Entropy is NaN where only the likeliest tokens are known.
    """

    logprob: NDArray[np.float32]
    entropy: NDArray[np.float32]
    rank: NDArray[np.int32]
    top_ids: NDArray[np.int32]
    top_logprobs: NDArray[np.float32]
    logsumexp: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logprob)


@dataclass(frozen=True)
class PairScores:
    """How two models differ at the scored tokens of one document.

    `kl` is KL(first‖second), `kl_reverse` KL(second‖first), `js` and `tv`: all float32 [n]. `shift` int32 [n] is the
    rank that the second's likeliest token has in the first: 1 unshifted, 2 and 3 marginal, above shifted (URIAL,
    arXiv 2312.01552).
    """

    kl: NDArray[np.float32]
    kl_reverse: NDArray[np.float32]
    js: NDArray[np.float32]
    tv: NDArray[np.float32]
    shift: NDArray[np.int32]
    bound: Bound = "exact"

    @property
    def same_top(self) -> NDArray[np.bool_]:
        """Whether both find the same token likeliest."""
        same: NDArray[np.bool_] = self.shift == 1
        return same


class StoredModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model whose tokens are stored, as models/<n>/model.json says it; written when all its shards are.

    `texts` is the number of its text set. `tokenizer` is a digest over every (id, token, special); `vocabulary` counts
    the ids that the tokenizer knows, and only those have a probability; `removed` is the greatest probability, over all
    positions, that the model gave to others. `head` is a digest of the output head, "" where no hidden states are kept;
    `dtype` that of the hidden states. `caveats` are sentences to be shown beside the numbers.
    """

    label: str
    texts: int
    backend: str
    source: str
    identity: str
    keep: Keep
    tokenizer: str
    vocabulary: int
    dtype: str = ""
    head: str = ""
    removed: float = 0.0
    raw_logits: bool = True
    caveats: tuple[str, ...] = ()


class StoreHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a store is of: store.json, written before anything is computed.

    `labels` are the models' names, in order, none twice; `texts` says in one line what the texts are; `documents`
    counts them; `pairs` are the numbers of the models that were compared, the reference first.
    """

    fingerprint: str
    mode: Mode
    labels: tuple[str, ...]
    texts: str
    documents: int
    pairs: tuple[tuple[int, int], ...] = ()
    top_k: int = 64
    schema: int = 1
