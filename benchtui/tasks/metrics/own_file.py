"""A metric of one's own: a Python file with a function `score(prediction, reference, document)`.

The file is run as it is, with all that the user may do; it is loaded only where that was allowed for this run.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import read_regular
from benchtui.tasks.metrics.answer import Answer, Options
from benchtui.tasks.metrics.likely_metrics import LIKELY
from benchtui.tasks.metrics.metric import ChosenMetric, Metric
from benchtui.tasks.metrics.parameters import Parameter, read_parameters
from benchtui.tasks.metrics.written_metrics import WRITTEN
from benchtui.text import one_line

ALLOWED = "BENCHTUI_ALLOW_METRIC_CODE"
"""The variable that says in a worker, or for `lm_eval run`, that metric files may run: "1" says yes."""
PERMISSION = "--allow-metric-code"
LARGEST = 1024 * 1024
"""Bytes of a metric's file."""
ONE_VALUE = ""
"""The key of a value that `score` returned without a name."""

_PERMITTED: ContextVar[bool | None] = ContextVar("permitted", default=None)

Score = Callable[[str, str, dict[str, Any]], object]

_NAMED = re.compile(r"(?P<file>.+?\.py)(?::(?P<said>.*))?", re.DOTALL)
_BUILT_IN = frozenset(metric.name for metric in (*WRITTEN, *LIKELY))
_KEY = re.compile(r"[A-Za-z_][\w.-]{0,59}", re.ASCII)
_PARAMETERS = (
    Parameter(
        "better", "which change counts as an improvement.", "higher", "choice", ("higher", "lower"), in_name=False
    ),
    Parameter("sha256", "what the file must hold; written when the task is made.", "", in_name=False),
    Parameter("keys", "the names of the values; found when the task is made.", "", in_name=False),
)


def is_own(text: str) -> bool:
    """Return whether `text` names a metric by its file, and no built-in one before a ":"."""
    return text.partition(":")[0] not in _BUILT_IN and _NAMED.fullmatch(text) is not None


def choose_own(text: str) -> ChosenMetric:
    """Return the metric that `text`, FILE.py or FILE.py:PARAMETER=VALUE,…, names; nothing is loaded.

    Raises UsageError for a wrong parameter.
    """
    found = _NAMED.fullmatch(text)
    assert found is not None  # noqa: S101 - asked before
    file = found["file"]
    options = {each.name: each.default for each in _PARAMETERS}
    options |= read_parameters(one_line(file, 60), found["said"] or "", _PARAMETERS)
    metric = Metric(
        name=file,
        title=one_line(Path(file).stem, 40),
        about="A metric of one's own.",
        kinds=frozenset({"generate"}),
        needs="nothing",
        score=_scorer(file),
        parameters=_PARAMETERS,
        low=None,
        high=None,
        stem=re.sub(r"[^\w.-]", "_", Path(file).stem)[:60],
    )
    return ChosenMetric(metric, options)


def pinned(chosen: ChosenMetric, first: Answer, place: str) -> ChosenMetric:
    """Return a metric of one's own with its file's whole path and digest and the names of its values.

    These are found by scoring the document `first`, at `place`, with a reference as the answer. Raises BenchtuiError as
    `score_own` does, also where the file may not be run.
    """
    path = Path(chosen.metric.name).absolute()
    digest = _digest(path)
    reference = next(iter(first.references), "")
    values = score_own(path, digest, reference, reference, _document(first), place)
    keys = ",".join(key for key in values if key != ONE_VALUE)
    return ChosenMetric(choose_own(str(path)).metric, {**chosen.options, "sha256": digest, "keys": keys})


@contextmanager
def permitted(*, allowed: bool) -> Iterator[None]:
    """Let metric files run in this block, or not, as whoever types the command says: the variable ALLOWED, which is for
    workers and `lm_eval run`, does not count there."""
    before = _PERMITTED.set(allowed)
    try:
        yield
    finally:
        _PERMITTED.reset(before)


def check_allowed(file: str, *, allowed: bool) -> None:
    """Raises UsageError where a metric's file may not be run."""
    if not allowed:
        raise UsageError(
            f"The metric {one_line(file, 200)} is a Python file, which is run as it is.",
            f"Read it, then allow it for this run with {PERMISSION}.",
        )


def score_own(
    path: Path, digest: str, prediction: str, reference: str, document: dict[str, Any], place: str
) -> dict[str, float]:
    """Return the values that the file's `score` gives, by name; one without a name under ONE_VALUE.

    The file is run where a block of `permitted` or, outside of one, the variable ALLOWED says so. Raises BenchtuiError
    that names `place`: for an error in the file, and for what is no finite number.
    """
    said = _PERMITTED.get()
    check_allowed(str(path), allowed=os.environ.get(ALLOWED) == "1" if said is None else said)
    score = _loaded(path, digest)
    try:
        value = score(prediction, reference, document)
    except (Exception, SystemExit) as error:
        raise BenchtuiError(
            f"{path}: score() failed at {place}: {_where(error, path)}{type(error).__name__}: {one_line(str(error))}.",
            "Correct the file.",
        ) from error
    values: Mapping[Any, Any] = value if isinstance(value, Mapping) else {ONE_VALUE: value}
    if not values:
        raise BenchtuiError(f"{path}: score() gave no value at {place}.", "Return a number, or numbers by name.")
    for key, number in values.items():
        if key != ONE_VALUE and not (isinstance(key, str) and _KEY.fullmatch(key)):
            raise BenchtuiError(
                f"{path}: score() named a value {one_line(str(key), 40)!r} at {place}.",
                "Use letters, digits, . - and _, at most 60.",
            )
        if isinstance(number, str | bytes) or not _is_finite(number):
            raise BenchtuiError(
                f"{path}: score() gave {one_line(repr(number), 60)} at {place}, which is no finite number.",
                "Return a number, or numbers by name.",
            )
    return {key: float(number) for key, number in values.items()}


@functools.cache
def _scorer(file: str) -> Callable[[Answer, Options], Mapping[str, float]]:
    return functools.partial(_score, file)


def _score(file: str, answer: Answer, options: Options) -> Mapping[str, float]:
    """Return the best value of each name over the references."""
    path, place = Path(file).absolute(), str(answer.extras.get("place") or "a document")
    digest, document = options["sha256"] or _digest(path), _document(answer)
    found = [
        score_own(path, digest, answer.text, reference, dict(document), place)
        for reference in answer.references or ("",)
    ]
    wanted = [key for key in options["keys"].split(",") if key] or [ONE_VALUE]
    for values in found:
        if options["sha256"] and set(values) != set(wanted):
            raise BenchtuiError(
                f"{path}: score() gave {_names(values)} at {place}, and {_names(wanted)} at the first document.",
                "Return the same names for every document.",
            )
    best = max if options["better"] == "higher" else min
    return {key: best(values[key] for values in found) for key in found[0]}


def _document(answer: Answer) -> dict[str, Any]:
    return dict(answer.extras.get("row") or {})


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(float(number))
    except (TypeError, ValueError, OverflowError):
        return False


def _names(values: Any) -> str:
    return ", ".join(key or "one number" for key in values)


def _digest(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        raise UsageError(f"The metric {path} cannot be read: {error.strerror or error}.", "Name its file.") from None


@functools.lru_cache(maxsize=64)
def _loaded(path: Path, digest: str) -> Score:
    """Return the function `score` of the file, which is run now; once a process. Raises BenchtuiError."""
    source = _read(path)
    if hashlib.sha256(source).hexdigest() != digest:
        raise BenchtuiError(
            f"The metric {path} is not the one that this task was made with: its text has changed.",
            "Make the task again, or bring the old file back.",
        )
    module = types.ModuleType(f"benchtui_metric_{digest[:12]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - what the user allowed
    except (Exception, SystemExit) as error:
        raise BenchtuiError(
            f"{path} cannot be loaded: {_where(error, path)}{type(error).__name__}: {one_line(str(error))}.",
            "Correct the file.",
        ) from error
    score = getattr(module, "score", None)
    if not callable(score):
        raise BenchtuiError(
            f"{path} has no function score.",
            "Write `def score(prediction, reference, document):`, which returns a number.",
        )
    return score  # type: ignore[no-any-return]


def _where(error: BaseException, path: Path) -> str:
    """Return "line N: ", the last line of the file that the error came through; "" where it came through none."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"line {error.lineno}: "
    line, trace = 0, error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == str(path) else line
        trace = trace.tb_next
    return f"line {line}: " if line else ""
