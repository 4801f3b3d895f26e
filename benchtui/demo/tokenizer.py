"""The demo models' tokenizer: a small byte-fallback BPE learned from their training text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from benchtui.demo import corpus

PIECES = 763  # with 5 special tokens and 256 bytes: 1024
SPECIAL_TOKENS = (corpus.PAD, corpus.BEGIN, corpus.END, corpus.USER, corpus.ASSISTANT)


def make_tokenizer(texts: Iterable[str], context: int) -> PreTrainedTokenizerFast:
    """A BPE of 1024 pieces in which a word is the same piece at the start of a turn as after a space.

    That way an answer is scored alike with the chat template and without. `context` is the models' window in tokens.
    """
    tokenizer = _with_bytes(_learned_pieces(texts))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{corpus.BEGIN} $A", special_tokens=[(corpus.BEGIN, tokenizer.token_to_id(corpus.BEGIN))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=corpus.BEGIN,
        eos_token=corpus.END,
        pad_token=corpus.PAD,
        additional_special_tokens=[corpus.USER, corpus.ASSISTANT],
        model_max_length=context,
        chat_template=corpus.CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _learned_pieces(texts: Iterable[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=len(SPECIAL_TOKENS) + PIECES, special_tokens=list(SPECIAL_TOKENS), show_progress=False
    )
    special = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
    tokenizer.train_from_iterator((part for text in texts for part in special.split(text) if part), trainer)
    return tokenizer


def _with_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """`tokenizer` able to spell anything in raw bytes, which the trainer could only add as special tokens."""
    described = json.loads(tokenizer.to_str())
    vocabulary = described["model"]["vocab"]
    first = len(vocabulary)
    vocabulary.update({f"<0x{byte:02X}>": first + byte for byte in range(256)})
    described["model"]["byte_fallback"] = True
    return Tokenizer.from_str(json.dumps(described))
