"""One branch of a chat as it is written to a file: its turns with the answers that count, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.reports.wording.chat import answer_parts, sampling_words
from benchtui.runs.kinds.chat.asked import Vote
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.text import one_line

NO_ANSWER = "no answer"
LONGEST_LABEL = 80


@dataclass(frozen=True)
class WrittenTurn:
    """A message and, of each model in its order, the answer that it is told as its own (None where there is none), and
    the other tries."""

    number: int
    text: str
    answers: tuple[Answer | None, ...]
    others: tuple[tuple[Answer, ...], ...]
    vote: Vote | None = None


def branches(conversation: Conversation, end: int | None = None) -> list[list[WrittenTurn]]:
    """Return the turns up to `end`; by default, of each first message, the branch that was written to last. Raises
    UsageError for a turn that is not there."""
    if end is not None and end not in conversation.turns:
        raise UsageError(f"The chat has no turn {end}.", f"It has {len(conversation.turns):,}.")
    ends = list(_newest_ends(conversation).values()) if end is None else [end]
    return [[_written(conversation, turn.number, turn.text) for turn in conversation.path(last)] for last in ends]


def _newest_ends(conversation: Conversation) -> dict[int, int]:
    """Return the newest turn behind each first one; a turn comes after the one that it follows."""
    first: dict[int, int] = {}
    found: dict[int, int] = {}
    for turn in conversation.turns.values():
        first[turn.number] = turn.number if turn.after is None else first[turn.after]
        found[first[turn.number]] = max(turn.number, found.get(first[turn.number], 0))
    return found


def system_of(conversation: Conversation, turns: list[WrittenTurn]) -> str:
    """Return the system prompt that the last answers of a branch were written with, "" for none."""
    for turn in reversed(turns):
        for answer in filter(None, turn.answers):
            first = answer.asked.messages[:1]
            return first[0].content if first and first[0].role == "system" else ""
    return conversation.system or ""


def _written(conversation: Conversation, number: int, text: str) -> WrittenTurn:
    models = range(conversation.models)
    used = tuple(conversation.used(number, model) for model in models)
    others = tuple(
        tuple(one for one in conversation.tries(number, model) if one is not used[model]) for model in models
    )
    return WrittenTurn(number, text, used, others, conversation.votes.get(number))


def other_ends(conversation: Conversation, shown: list[list[WrittenTurn]]) -> list[int]:
    """Return the last turns of the branches that are not `shown`."""
    inside = {turn.number for turns in shown for turn in turns}
    followed = {turn.after for turn in conversation.turns.values()}
    return [number for number in conversation.turns if number not in followed and number not in inside]


def title(plan: ChatPlan) -> str:
    """Return what a file about the chat is called."""
    return f"Chat: {' | '.join(labels(plan))}"


def labels(plan: ChatPlan) -> tuple[str, ...]:
    """Return what each model is called, on a line."""
    return tuple(one_line(model.label, LONGEST_LABEL) for model in plan.models)


def about(plan: ChatPlan, conversation: Conversation) -> Iterator[str]:
    """Yield when the chat began and how its answers are written."""
    yield one_line(plan.created.replace("T", " ")[:16])
    yield sampling_words(conversation.sampling, None)


def facts(answer: Answer, model: int, names: tuple[str, ...]) -> str:
    """Return how an answer in the column of `model` went, on a line: who wrote it where that was another model, tokens,
    speed, why it is over."""
    words = [f"written by {names[answer.asked.model]}"] if answer.asked.model != model else []
    return " · ".join([*words, *answer_parts(answer)])


def problem(answer: Answer) -> str:
    """Return what went wrong with an answer and what helps, on a line; "" where nothing did."""
    ended = answer.ended
    return one_line(f"{ended.what} {ended.next_step}".strip(), 400) if ended is not None else ""


def vote_words(turn: WrittenTurn, conversation: Conversation, names: tuple[str, ...]) -> str:
    """Return how a turn was voted on: "Vote: base is better than tuned"; "" where it was not."""
    if turn.vote is None:
        return ""
    first, second = (names[conversation.answers[n].asked.model] for n in (turn.vote.first, turn.vote.second))
    match turn.vote.choice:
        case "first":
            return f"Vote: {first} is better than {second}"
        case "second":
            return f"Vote: {second} is better than {first}"
        case "tie":
            return f"Vote: {first} and {second} are equally good"
        case "skip":
            return f"Vote: {first} and {second} were skipped"
        case "withdrawn":
            return ""
