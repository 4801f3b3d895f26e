"""Words about the health of answers: what a reader must know beside a score, and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.runs.answer_health import TaskHealth

MANY = 0.1
"""From this share of cut answers on, a score says less about the model than about the length limit."""
FEWEST_CHOICES = 30
"""With so many documents, choices that all have the same position are no coincidence."""
SEVERAL_EQUAL = 0.05
"""From this share of samples on, choices that are all equally likely are said: rounding makes a few."""
_UNLIKE, _UNLIKE_TOKENS = 1.5, 5
"""Mean lengths of answers count as different when one is so many times the other, and longer by so many tokens."""


def health_words(health: TaskHealth | None) -> list[str]:
    """Return what is wrong with the answers of one task, each a part of a sentence, the worst first."""
    return list(_found(health)) if health is not None else []


def _found(health: TaskHealth) -> Iterator[str]:
    if health.prompts_cut:
        yield _prompts(health)
    if at_limit := (health.cut or 0) - health.window_full:
        yield _cut(health, at_limit)
    if health.empty:
        yield f"{_of(health.empty, health.answers)} empty"
    if health.thinking:
        yield f"{_of(health.thinking, health.known)} cut while thinking: nothing of the answer itself was written"
    if health.window_full:
        yield f"{_of(health.window_full, health.known)} cut because the model's window was full (--max-length)"
    yield from _of_texts(health)
    if health.only_choice is not None and health.choices >= FEWEST_CHOICES:
        yield (
            f"the model prefers choice {health.only_choice + 1} in all {health.choices} samples: "
            "its score is that of a constant answer"
        )
    if health.equal and health.equal >= SEVERAL_EQUAL * health.choices:
        yield (
            f"in {health.equal} of {_counted(health.choices, 'sample')} all choices have the same log-likelihood, "
            "so the first one counts as the model's"
        )
    if health.floor is not None:
        yield (
            f"{health.floored} of {_counted(health.loglikelihoods, 'log-likelihood')} are exactly {health.floor:g}: "
            "a number put where none was given"
        )
    if health.unknown:
        yield f"whether {_counted(health.unknown, 'answer')} of {health.answers} were cut is unknown"
    if health.prompts_unknown:
        yield f"whether {_counted(health.prompts_unknown, 'prompt')} of {health.prompts} were cut is unknown"


def _of_texts(health: TaskHealth) -> Iterator[str]:
    if health.looping:
        loops = "repeats itself" if health.looping == 1 else "repeat themselves"
        yield f"{health.looping} of {_counted(health.answers, 'answer')} {loops} at the end"
    if health.refused:
        refuses = "begins" if health.refused == 1 else "begin"
        yield f"{health.refused} of {_counted(health.answers, 'answer')} {refuses} like a refusal"


def _prompts(health: TaskHealth) -> str:
    """ "3 of 3 prompts were cut to the window and lost 77 % of their tokens (--max-length)"."""
    lost, there = health.prompt_tokens_lost or 0, health.prompt_tokens or 0
    share = 100 * lost / there if there else 0.0
    words = "less than 1" if share < 1 else f"{share:.0f}"
    was, its = ("was", "its") if health.prompts_cut == 1 else ("were", "their")
    cut = f"{health.prompts_cut} of {_counted(health.prompts_known, 'prompt')}"
    return f"{cut} {was} cut to the window and lost {words} % of {its} tokens (--max-length)"


def _cut(health: TaskHealth, cut: int) -> str:
    """ "31 of 40 answers were cut at 256 tokens"."""
    low, high = health.cut_at or (0, 0)
    at = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    words = f"{_of(cut, health.known)} cut at {at} tokens"
    if cut >= MANY * health.known:
        words += ", so the score does not show what the model can do (--gen-kwargs max_gen_toks=N)"
    return words


def unlike_lengths(first: TaskHealth | None, second: TaskHealth | None) -> bool:
    """Return whether two models' answers differ so much in length that a reader should know."""
    means = [side.mean_tokens for side in (first, second) if side is not None and side.mean_tokens is not None]
    if len(means) < 2:
        return False
    low, high = sorted(means)
    return high >= _UNLIKE * low and high - low >= _UNLIKE_TOKENS


def _of(part: int, every: int) -> str:
    """ "1 of 40 answers was", "31 of 40 answers were"."""
    return f"{part} of {_counted(every, 'answer')} {'was' if part == 1 else 'were'}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
