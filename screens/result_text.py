"""Results and times as coloured text, the same on every screen; never colour alone."""

from __future__ import annotations

from rich.text import Text

from benchtui.compare.headlines import Headline, LastBenchmark
from benchtui.compare.records import Kind
from benchtui.durations import rough_duration
from benchtui.reports.wording.numbers import change_number, direction, score_words
from benchtui.reports.wording.verdicts import Tone, short_words, tone_of, verdict_glyph
from benchtui.text import one_line
from screens.themes import Colours


def kind_colour(kind: Kind | None, colours: Colours) -> str:
    """The colour of a verdict, beside its glyph and word."""
    return tone_colour(tone_of(kind), colours)


def tone_colour(tone: Tone, colours: Colours) -> str:
    by_tone = {"gain": colours.gain, "loss": colours.loss, "warning": colours.warning, "muted": colours.muted}
    return by_tone[tone]


def score(value: float, *, share: bool) -> str:
    """ "41.3%"."""
    return score_words(value, is_share=share, digits=1)


def change(value: float, *, share: bool) -> str:
    """ "+18.1"; "" where it is no number."""
    return change_number(value, is_share=share, digits=1, figures=3).replace("-", "−")


def headline_text(headline: Headline, colours: Colours, *, name: bool = True, word: bool = True) -> Text:
    """ "ifeval ↗ +18.1 ▲ excellent", or the sign without its word; the score alone where there was no base."""
    text = Text(f"{one_line(headline.title, 40)} " if name else "")
    if headline.change is None:
        return text.append(score(headline.fine_tuned, share=headline.share))
    style = kind_colour(headline.tone, colours)
    text.append(f"{direction(headline.improved)} {change(headline.change, share=headline.share)}", style=style)
    if headline.verdict is not None:
        words = f" {short_words(headline.verdict, headline.likely, headline.no_loss)}" if word else ""
        text.append(f" {verdict_glyph(headline.verdict)}{words}", style=style)
    return text


def result_text(last: LastBenchmark | None, colours: Colours) -> Text:
    """The last result in one line: the first task with its verdict, the arrows of the others. Of part of a task how
    many samples it is stands in place of the verdict's word, so that the others are not pushed out of sight."""
    if last is None or not last.headlines:
        return Text(
            one_line(last.sentence, 80) if last and last.sentence else "not benchmarked yet", style=colours.muted
        )
    first, *others = last.headlines
    part = first.n is not None and first.total is not None and first.n < first.total
    text = headline_text(first, colours, name=False, word=not part)
    if part:
        text.append(f" ({first.n:,}/{first.total:,})", style=colours.muted)
    for other in others[:4]:
        if other.change is not None:
            words = f" {direction(other.improved)}{change(other.change, share=other.share)}"
            text.append(words, style=kind_colour(other.tone, colours))
    return text


def ago(then: float, now: float) -> str:
    """Write how long ago `then` was: "2h ago", "just now"; "" for no time."""
    if not then:
        return ""
    passed = max(now - then, 0.0)
    if passed < 60:
        return "just now"
    if passed < 86400:
        return f"{rough_duration(passed).split(' ')[0]} ago"
    days = int(passed // 86400)
    return f"{days}d ago" if days < 100 else f"{days // 30} months ago"
