"""The tokenizer of the model that a llama-server has loaded, asked over HTTP: llama.cpp's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lm_eval.models.utils import has_bos_prefix

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Ids, Tokenizer

PostAll = Callable[[str, Sequence[Mapping[str, Any]]], list[Any]]
"""Sends several bodies to one path, some at a time, and gives the JSON of each answer, in their order."""
_AT_ONCE = 4
"""Texts that are tokenised at a time: the server does it beside what it computes."""


def asked_of(server: Server) -> PostAll:
    """Asks `server` in an event loop that is its own: it must have no other user while others are under way."""

    async def all_of(path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Any]:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(body: Mapping[str, Any]) -> Any:
            async with room:
                return await server.post(path, body)

        return await asyncio.gather(*map(one, bodies))

    def post_all(path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Any]:
        try:
            return server.run(all_of(path, bodies))
        except UnansweredError as error:
            raise BenchtuiError(
                f"{server.address.name} did not tokenise a text: {error}.", "Look into its log, then `benchtui resume`."
            ) from error

    return post_all


class LlamaTokenizer(Tokenizer):
    """Tokens as the server makes them; special tokens written in a text are recognised, as transformers does it.

    `bos` and `eos` are what /props calls the model's special tokens. llama.cpp names one for models that have none (a
    comma, for many): only what is no ordinary text counts.
    """

    def __init__(self, post_all: PostAll, bos: str, eos: str, server: str) -> None:
        self._post_all = post_all
        self._server = server
        self._special: dict[int, bool] = {}
        self.bos = self._named(bos)
        self._eos = self._named(eos)
        (first,) = self._tokenized([""], special=True)
        self.adds_bos = self.bos is not None and first[:1] == [self.bos]
        self._bos_text, self._eos_text = (bos if self.bos is not None else None), eos
        (letter,) = self._tokenized(["a"], special=False)
        self.whole = letter[-1]
        """A token that is a text by itself."""
        # SentencePiece puts a space before every text, and takes it away again from what it decodes.
        self._space_first = self._spelled(letter).startswith(" ")

    @classmethod
    def of(cls, server: LlamaServer, beside: Server | None = None) -> LlamaTokenizer:
        """The tokenizer of a server's model, asked by way of `beside`, which reaches the same server, where it is
        given."""
        return cls(asked_of(beside or server), server.says.bos, server.says.eos, server.address.name)

    def _named(self, text: str) -> int | None:
        if not text:
            return None
        (ids,) = self._tokenized([text], special=False)
        return ids[0] if len(ids) == 1 and self._is_special(ids[0]) else None

    @property
    def special_tokens(self) -> dict[str, str]:
        """The tokens that chat templates name, by transformers' names."""
        eos = self._eos_text if self._eos is not None else None
        return {name: text for name, text in (("bos_token", self._bos_text), ("eos_token", eos)) if text is not None}

    @property
    def eos(self) -> int:
        """As `Tokenizer.eos`."""
        if self._eos is None:
            raise self._lacking("no eos token")
        return self._eos

    @property
    def prefix(self) -> int:
        """As `Tokenizer.prefix`."""
        found = self._eos if self.bos is None else self.bos
        if found is None:
            raise self._lacking("neither a bos nor an eos token")
        return found

    def _lacking(self, what: str) -> BenchtuiError:
        return BenchtuiError(
            f"The model at {self._server} names {what}, so no prompt can be built as lm-eval does.",
            "Convert the model again, with its whole tokenizer.",
        )

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        """As `Tokenizer.encode`."""
        if special is not None:
            return self._encoded(dict.fromkeys(texts, special))
        begins_with = self.decode([self.prefix], special=True)
        return self._encoded({text: not has_bos_prefix(text, begins_with) for text in texts})

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        """As `Tokenizer.encode_prompts`; nothing is cut here."""
        found = self._encoded({text: not has_bos_prefix(text, self._bos_text) for text in texts})
        return {text: (ids, len(ids)) for text, ids in found.items()}

    def _encoded(self, special: Mapping[str, bool]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for adds in (False, True):
            texts = [text for text, wanted in special.items() if wanted is adds]
            found.update(zip(texts, self._tokenized(texts, special=adds), strict=True))
        return found

    def _tokenized(self, texts: Sequence[str], *, special: bool, parse: bool = True) -> list[list[int]]:
        if not texts:
            return []
        bodies = [{"content": _whole(text), "add_special": special, "parse_special": parse} for text in texts]
        answers = self._post_all("tokenize", bodies)
        return [[int(token) for token in self._part(answer, "tokens", list)] for answer in answers]

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        """As `Tokenizer.decode`. Bytes that are no text become U+FFFD."""
        text = self._spelled([token for token in ids if special or not self._is_special(token)])
        return self.unspaced(text)

    def unspaced(self, text: str) -> str:
        """A written text without the space that the tokenizer itself puts first."""
        return text.removeprefix(" ") if self._space_first else text

    def _spelled(self, ids: Ids) -> str:
        if not ids:
            return ""
        (answer,) = self._post_all("detokenize", [{"tokens": list(ids)}])
        return str(self._part(answer, "content", str))

    def _is_special(self, token: int) -> bool:
        """Whether a token is one that no text is made of unless special tokens are recognised in it."""
        known = self._special.get(token)
        if known is None:
            text = self._spelled([token])
            recognised = self._tokenized([text], special=False) == [[token]]
            known = recognised and self._tokenized([text], special=False, parse=False) != [[token]]
            self._special[token] = known
        return known

    def _part(self, answer: Any, name: str, kind: type) -> Any:
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, kind):
            raise BenchtuiError(
                f"{self._server} answers in another form than llama-server: {one_line(str(answer))}",
                "Check what answers at --server.",
            )
        return found

    def describe(self) -> dict[str, Any]:
        """As lm-eval does it for its `hf` model."""
        return {
            "tokenizer_eos_token": [self._eos_text, str(self._eos)],
            "tokenizer_bos_token": [self._bos_text, str(self.bos)],
            "eot_token_id": self._eos,
        }


def _whole(text: str) -> str:
    """A text that JSON can carry: half of a pair of surrogates is no character."""
    return text.encode(errors="replace").decode()
