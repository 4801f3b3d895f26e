"""The tokens of an answer: where texts part, which tokens are one character, and what other models make of them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from benchtui.reports.chat.tokens import answer_pieces, differs_at, parted, readings
from benchtui.reports.tokens.metrics import METRICS
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Look, Turn, Write
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import Candidate, ChatLooked, ChatToken
from benchtui.tokens.vocabulary import StoredVocabulary

GREEDY = Sampling()
TEXTS = st.text(st.sampled_from(" abé日🙂\n⟨⟩[E6"), max_size=12)
CUTS = st.lists(st.integers(1, 3), min_size=1, max_size=5)


def tokens_of(text: str, widths: list[int]) -> list[ChatToken]:
    """Tokens of so many bytes each, by turns; told as the vocabulary of a model tells them."""
    raw, parts, at = text.encode(), [], 0
    while at < len(raw):
        width = widths[len(parts) % len(widths)]
        parts.append(raw[at : at + width])
        at += width
    vocabulary = StoredVocabulary.of([(part, False) for part in parts])
    return [ChatToken(number, vocabulary.text(number)) for number in range(len(parts))]


def answer_of(text: str, widths: list[int], begin: str = "", number: int = 1) -> Answer:
    asked = Write(number=number, turn=1, model=0, messages=(), sampling=GREEDY, begin=begin)
    return Answer(asked, begin + text, "end", tokens_of(text, widths))


@given(begin=TEXTS, one=TEXTS, two=TEXTS, widths=CUTS)
def test_texts_differ_where_the_first_other_byte_is_written(begin: str, one: str, two: str, widths: list[int]) -> None:
    mine, other = answer_of(one, widths, begin), answer_of(two, [1], begin)
    found = differs_at(mine, other)
    if one == two or not one:
        assert found is None
        return
    assert found is not None
    same = len(one.encode()) if two.startswith(one) else 0
    while same < min(len(one.encode()), len(two.encode())) and one.encode()[same] == two.encode()[same]:
        same += 1
    place, token = 0, 0
    while place + widths[token % len(widths)] <= same:
        place, token = place + widths[token % len(widths)], token + 1
    assert found == min(token, len(mine.tokens) - 1)


def test_a_text_that_is_being_written_differs_only_where_it_does() -> None:
    mine, other = answer_of("I see it", [3]), answer_of("I see", [3])
    other.state = "writing"
    assert differs_at(mine, other) is None, "it may still write the same"
    other.state = "end"
    assert differs_at(mine, other) == 1
    longer = answer_of("I saw", [3])
    longer.state = "writing"
    assert differs_at(mine, longer) == 1


def test_a_space_that_only_the_token_has_moves_nothing() -> None:
    asked = Write(number=1, turn=1, model=0, messages=(), sampling=GREEDY)
    mine = Answer(asked, "I see it", "end", [ChatToken(n, text) for n, text in enumerate((" I", " see", " it"))])
    other = Answer(asked, "I saw it", "end", [])
    assert differs_at(mine, other) == 1


@given(text=TEXTS, widths=CUTS, begin=TEXTS)
def test_pieces_are_whole_characters_and_have_every_token_once(text: str, widths: list[int], begin: str) -> None:
    answer = answer_of(text, widths, begin)
    values = [float(number) for number in range(len(answer.tokens))]
    found = answer_pieces(answer, values, METRICS["entropy"])
    scored = [piece for piece in found.pieces if piece.first >= 0]
    covered = [at for piece in scored for at in range(piece.first, piece.last + 1)]
    assert covered == list(range(len(answer.tokens)))
    assert all(piece.value == piece.last for piece in scored), "of several tokens the farthest"
    if widths == [1]:
        assert "".join(piece.text for piece in scored).replace("⏎", "\n") == text.replace("\t", "⇥")


def test_a_token_is_marked_where_the_other_model_would_write_another() -> None:
    tops = ((Candidate("a", -0.1),), (Candidate("b", -0.1),), (Candidate("a", -0.2),))
    asked = Write(number=1, turn=1, model=0, messages=(), sampling=GREEDY)
    answer = Answer(asked, "aba", "end", [ChatToken(0, "a", -0.1, 0.3, top) for top in tops])
    found = answer_pieces(answer, [0.0] * 3, METRICS["js"], [tops[0]] * 2)
    assert [piece.changed for piece in found.pieces] == [False, True, False], "the third was not read by now"
    assert all(math.isnan(piece.value) for piece in answer_pieces(answer, [None] * 3, METRICS["js"]).pieces)


def test_readings_are_put_together_in_their_order_and_the_last_look_counts() -> None:
    conversation = Conversation(2, GREEDY)
    conversation.note_asked(Turn(number=1, text="Hello"))
    conversation.note_asked(Write(number=1, turn=1, model=0, messages=(), sampling=GREEDY))
    for look in (1, 2):
        conversation.note_asked(Look(number=look, answer=1))
    top = ((Candidate("x", -1.0),),) * 2

    def looked(look: int, start: int, value: float, *, last: bool = False, problem: str = "") -> ChatLooked:
        two = (value, value)
        return ChatLooked(
            look=look,
            model=1,
            start=start,
            divergence=two,
            entropy=two,
            logprob=two,
            top=top,
            last=last,
            problem=problem,
        )

    conversation.note_event(looked(1, 0, 9.0, last=True))
    conversation.note_event(looked(2, 0, 0.0))
    conversation.note_event(looked(2, 2, 0.2))
    conversation.note_event(looked(2, 90, 9.0))
    found = readings(conversation, 1)[1]
    assert found.divergence == [0.0, 0.0, 0.2, 0.2]
    assert not found.done
    assert parted(found.divergence) == [2, 3]
    conversation.note_event(looked(2, 2, 0.1, last=True))
    again = readings(conversation, 1)[1]
    assert (again.divergence, again.done) == ([0.0, 0.0, 0.1, 0.1], True)
    assert readings(conversation, 7) == {}
