"""Writes a chat as one self-contained page: the answers side by side, thinking folded, tokens coloured by entropy.

All foreign text is escaped; the page loads nothing and runs nothing (its policy forbids both).
"""

from __future__ import annotations

import math
from html import escape

from benchtui.plans.chat import ChatPlan
from benchtui.reports.chat.branch import (
    NO_ANSWER,
    WrittenTurn,
    about,
    branches,
    facts,
    labels,
    other_ends,
    problem,
    system_of,
    title,
    vote_words,
)
from benchtui.reports.chat.style import CHAT_STYLE
from benchtui.reports.chat.tokens import answer_pieces
from benchtui.reports.style import html_page
from benchtui.reports.tokens.cells_of_text import Piece
from benchtui.reports.tokens.metrics import METRICS
from benchtui.reports.tokens.page_parts import STYLE
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import ChatToken
from benchtui.runs.kinds.chat.thinking import part
from benchtui.text import one_line, printable
from benchtui.tokens.vocabulary import shown_token

MOST_COLOURED = 50_000
"""Tokens of a page that are coloured, the first ones: each takes some 100 bytes."""
_TOP = 5


def chat_html(plan: ChatPlan, conversation: Conversation, end: int | None = None) -> str:
    """Return the page of the branch up to the turn `end`, by default of those that `branches` gives; browsers open it
    from disk. Raises UsageError for a turn that is not there."""
    return _Page(plan, conversation).page(branches(conversation, end))


class _Page:
    """One page while it is made: `_left` tokens may still be coloured."""

    def __init__(self, plan: ChatPlan, conversation: Conversation) -> None:
        self._plan, self._conversation = plan, conversation
        self._names = labels(plan)
        self._left = MOST_COLOURED

    def page(self, shown: list[list[WrittenTurn]]) -> str:
        named = escape(title(self._plan))
        parts = [
            f"<h1>{named}</h1>",
            f'<p class="notes">{_text(" · ".join(about(self._plan, self._conversation)))}</p>',
        ]
        for number, turns in enumerate(shown):
            parts += ["<hr>"] if number else []
            if system := system_of(self._conversation, turns):
                parts.append(_folded("System prompt", f"<pre>{_text(system)}</pre>"))
            parts += [self._turn(turn) for turn in turns]
        if others := other_ends(self._conversation, shown):
            parts.append(f'<p class="notes">Other branches end at turn {", ".join(map(str, others))}.</p>')
        if self._left <= 0:
            parts.append(f'<p class="notes">The first {MOST_COLOURED:,} tokens of the page are coloured.</p>')
        return html_page(named, f"{STYLE}\n{CHAT_STYLE}", parts)

    def _turn(self, turn: WrittenTurn) -> str:
        answers = "".join(self._column(turn, model) for model in range(len(self._names)))
        voted = vote_words(turn, self._conversation, self._names)
        return (
            f'<article class="turn"><h2>Turn {turn.number}</h2><pre>{_text(turn.text)}</pre>'
            f'<div class="answers">{answers}</div>{f"<p>{_text(voted)}</p>" if voted else ""}</article>'
        )

    def _column(self, turn: WrittenTurn, model: int) -> str:
        answer = turn.answers[model]
        shown = self._answer(answer, model) if answer is not None else f'<p class="notes">{NO_ANSWER}</p>'
        others = "".join(
            _folded(f"Another try: {facts(one, model, self._names)}", self._texts(one)) for one in turn.others[model]
        )
        return f"<section><h3>{_text(self._names[model])}</h3>{shown}{others}</section>"

    def _answer(self, answer: Answer, model: int) -> str:
        failed = f'<p class="failed">{_text(words)}</p>' if (words := problem(answer)) else ""
        return (
            f'{self._texts(answer)}<p class="notes">{_text(facts(answer, model, self._names))}</p>{failed}'
            f"{self._coloured(answer)}"
        )

    def _texts(self, answer: Answer) -> str:
        parted = part(answer.text, self._plan.models[answer.asked.model].prompts.think_end_token)
        thinking = _folded("Thinking", f"<pre>{_text(parted.thinking)}</pre>") if parted.thinking else ""
        return f"{thinking}<pre>{_text(parted.said)}</pre>"

    def _coloured(self, answer: Answer) -> str:
        if self._left <= 0 or all(token.entropy is None for token in answer.tokens):
            return ""
        coloured = answer_pieces(answer, [token.entropy for token in answer.tokens], METRICS["entropy"])
        self._left -= len(answer.tokens)
        pieces = "".join(_piece(piece, answer.tokens) for piece in coloured.pieces)
        left_out = f'<p class="notes">{coloured.left_out:,} more tokens</p>' if coloured.left_out else ""
        return _folded("Tokens, coloured by entropy", f'<div class="text">{pieces}</div>{left_out}')


def _piece(piece: Piece, tokens: list[ChatToken]) -> str:
    end = "\n" if piece.ends_line else ""
    if piece.first < 0:
        return f'<i class="p">{escape(piece.text)}</i>{end}'
    told = " / ".join(_told(token) for token in tokens[piece.first : piece.last + 1])
    return f'<span class="s{piece.step}" title="{escape(told)}">{escape(piece.text)}</span>{end}'


def _told(token: ChatToken) -> str:
    """Return what is known of a token: "entropy 0.42 nats, p 0.91; the 0.91, a 0.05"."""
    words = [] if token.entropy is None else [f"entropy {token.entropy:.2f} nats"]
    words += [] if token.logprob is None else [f"p {_share(token.logprob):.3g}"]
    top = ", ".join(f"{shown_token(one.text, 30)} {_share(one.logprob):.2g}" for one in token.top[:_TOP])
    return "; ".join(filter(None, (", ".join(words), top)))


def _share(logprob: float) -> float:
    return math.exp(min(logprob, 0.0))  # a server may tell any number


def _folded(name: str, inside: str) -> str:
    return f"<details><summary>{_text(one_line(name, 400))}</summary>{inside}</details>"


def _text(text: str) -> str:
    return escape(printable(text))
