"""Texts that are longer than a model can read, in windows: each scored token is in exactly one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.tokens.records import TextTokens


@dataclass(frozen=True)
class Window:
    """The tokens `begin` … `end - 1` of a text, of which those from `first` on are scored."""

    begin: int
    end: int
    first: int


def windows_of(text: TextTokens, longest: int) -> Iterator[Window]:
    """Divide a text for a model that reads at most `longest` tokens (0: any number) as lm-eval does: a window scores
    as many tokens as it reads, the last one after all the text before it that can be read.

    A text whose scored tokens fit is one window, without the start of its prompt where that does not; where a prompt is
    at most half as long as what can be read, the first window has it whole.
    """
    length, done = len(text.ids), text.first
    if not longest:
        longest = length
    if done <= longest // 2 and length - done > longest:
        yield Window(0, longest + 1, done)  # what is read ends before the last token that is scored
        done = longest + 1
    while done < length:
        end = min(done + longest, length)
        yield Window(max(0, end - longest - 1), end, done)
        done = end
