"""The catalogue's record for one name that lm-eval accepts for --tasks."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["task", "group", "tag"]


class TaskEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A task, a group of tasks with a score of its own, or a tag (a short name for several tasks).

    `file` is the YAML's path, relative to lm_eval/tasks for lm-eval's own, absolute for others, "" for tags.
    `members`: a group's children in its order, a tag's tasks sorted. A child inside a nameless inner group is written
    `inner::child`. `described` are the children defined inside the group's own YAML, which need no file.
    `output_type` is "" where only Python knows (tasks with `class:`) and for groups and tags.
    """

    name: str
    kind: Kind
    file: str = ""
    members: tuple[str, ...] = ()
    described: tuple[str, ...] = ()
    output_type: str = ""
    dataset: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    shots: int | None = None
    unsafe_code: bool = False
