"""The part of Jinja that templates over data have: what makes prompts, and nothing that makes much of little.

No multiplication, no assignment, no loop in a loop, and only functions whose result is as long as what they are given,
or is measured before it is made.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from benchtui.errors import UsageError
from benchtui.text import one_line

LONGEST_TEXT = 16 * 1024 * 1024
"""Characters of one rendered text."""
# fmt: off
_NODES = frozenset({
    "Template", "Output", "TemplateData", "Name", "Const", "Getattr", "Getitem", "Slice", "Filter", "Test", "Call",
    "Keyword", "If", "For", "CondExpr", "Compare", "Operand", "And", "Or", "Not", "Neg", "Concat", "Add", "Sub",
    "List", "Tuple", "Dict", "Pair",
})
_METHODS = frozenset({
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "partition", "rpartition", "upper", "lower",
    "title", "capitalize", "startswith", "endswith", "removeprefix", "removesuffix", "replace", "join", "find",
    "count", "index", "get", "items", "keys", "values",
})
_FILTERS = frozenset({
    "trim", "upper", "lower", "title", "capitalize", "replace", "join", "default", "d", "length", "count", "first",
    "last", "list", "string", "int", "float", "round", "reverse", "sort", "unique", "select", "reject", "map",
    "selectattr", "rejectattr", "dictsort", "items", "tojson",
})
# fmt: on
SPECIAL = frozenset({"self", "super", "caller", "varargs", "kwargs"})
"""Names that Jinja defines by itself."""
made_characters: ContextVar[int] = ContextVar("made_characters", default=0)
"""Characters that one rendering has made so far by replacing and joining."""


def check_parts(tree: Any, flag: str) -> None:
    """Raise UsageError for parts of Jinja that templates over data do not have."""
    from jinja2 import nodes

    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        word = ""
        if isinstance(node, nodes.Filter | nodes.Test):
            known = _FILTERS if isinstance(node, nodes.Filter) else None
            word = node.name if known is not None and node.name not in known else ""
        elif isinstance(node, nodes.Call):
            method = node.node.attr if isinstance(node.node, nodes.Getattr) else getattr(node.node, "name", "a call")
            word = "" if isinstance(node.node, nodes.Getattr) and method in _METHODS else f"{method}()"
            word = word or ("*arguments" if node.dyn_args or node.dyn_kwargs else "")
        elif isinstance(node, nodes.For):
            word = "a loop in a loop" if list(node.iter_child_nodes()) and _has_loop(node) else ""
            word = word or ("a recursive loop" if node.recursive else "")
        elif kind not in _NODES and not isinstance(node, nodes.Helper | nodes.EvalContextModifier):
            word = {"Mul": "*", "Pow": "**", "Mod": "%", "Div": "/", "Assign": "set"}.get(kind, kind.lower())
        if word:
            raise UsageError(
                f"{flag} uses {one_line(word, 40)}, which templates over data do not have.",
                "They have columns, if, for, and the filters and methods of texts and lists.",
            )


def _has_loop(loop: Any) -> bool:
    from jinja2 import nodes

    return any(inner is not loop for inner in loop.find_all(nodes.For))


def too_long() -> UsageError:
    """Return the error of a text that is longer than `LONGEST_TEXT`."""
    return UsageError(f"makes a text of more than {LONGEST_TEXT:,} characters.", "Shorten it.")


@functools.cache
def environment() -> Any:
    """Return the sandbox in which templates are rendered."""
    import jinja2
    import jinja2.sandbox
    from jinja2 import filters

    class Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
        def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
            if isinstance(owner, str) and name == "replace":
                _measure_replacing(owner, *args)
            if isinstance(owner, str) and name == "join" and args:
                args = (_measured(args[0], owner), *args[1:])
            return super().call(context, function, *args, **kwargs)

    def replace(context: Any, text: object, old: str, new: str, count: int | None = None) -> Any:
        _measure_replacing(str(text), old, new)
        return filters.do_replace(context, str(text), old, new, count)

    def join(context: Any, values: Any, between: str = "", attribute: Any = None) -> Any:
        return filters.sync_do_join(context, _measured(values, between), between, attribute)

    def shown(value: object) -> object:
        if isinstance(value, jinja2.Undefined):
            return value  # raises by itself, with its name
        if value is None:
            raise UsageError("writes a cell with nothing in it.", "Say what is written then: {{context or ''}}.")
        if not isinstance(value, str | int | float):
            raise UsageError("writes a list or an object as text.", "Say how, as in {{choices|join(', ')}}.")
        return value

    def tojson(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    made = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
    )
    own = {"replace": jinja2.pass_eval_context(replace), "join": jinja2.pass_eval_context(join), "tojson": tojson}
    made.filters = {name: own.get(name) or made.filters[name] for name in _FILTERS}
    made.globals.clear()
    return made


def _measure_replacing(text: str, old: object = "", new: object = "", *_: object) -> None:
    found = text.count(old) if isinstance(old, str) else len(text)
    _count(len(text) + found * len(str(new)))


def _measured(parts: Iterable[Any], between: object) -> list[Any]:
    """Return the parts of what is joined, counted while they are made."""
    found = []
    for part in parts:
        _count(len(str(part)) + len(str(between)))
        found.append(part)
    return found


def _count(characters: int) -> None:
    """Raise UsageError where the texts made in one rendering become too many, before the next one is made."""
    total = made_characters.get() + characters
    if total > LONGEST_TEXT:
        raise too_long()
    made_characters.set(total)
