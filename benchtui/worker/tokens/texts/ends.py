"""The tokens that end an answer: those that a model learnt to write there."""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.protocol import ChatRenderer, Tokenizer

_SAID = "benchtui"


def end_tokens(tokenizer: Tokenizer, chat: ChatRenderer | None) -> tuple[int, ...]:
    """Return the token that ends an answer: in a chat template the special token behind what the assistant said, else
    the one that ends a text; none where the tokenizer has none."""
    if chat is not None and (found := _end_of_turn(tokenizer, chat)) is not None:
        return (found,)
    try:
        return (tokenizer.eos,)
    except BenchtuiError:
        return ()


def _end_of_turn(tokenizer: Tokenizer, chat: ChatRenderer) -> int | None:
    messages = [{"role": "user", "content": _SAID}, {"role": "assistant", "content": _SAID}]
    try:
        text = chat.render(messages, add_generation_prompt=True)
    except Exception:  # noqa: BLE001 - a template can raise whatever Python can: it then tells nothing of ends
        return None
    # With a generation prompt the turn is closed; it begins behind the last thing that was said.
    _, said, behind = text.rpartition(_SAID)
    ids = tokenizer.encode([behind], special=False)[behind] if said and behind else []
    if not ids or tokenizer.decode(ids[:1]):  # the first is no special token
        return None
    return ids[0]
