"""Writes the front matter's `model-index`: results as the Hub shows them, made by huggingface_hub's own classes and put
between two comments, so that every other key and comment stays unchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchtui.reports.readme.document import Document, UnparsableError, front_matter_of
from benchtui.reports.scores import score_metric
from benchtui.results.records import RunResults, Score, TaskFacts
from benchtui.tasks.primary_metric import ordered
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

START = "# benchtui:start (replaced by `benchtui readme`)"
END = "# benchtui:end"
_COMMENT = re.compile(r"^[ \t]*# benchtui:(start|end)\b.*\n?", re.MULTILINE)
_KEY = re.compile(r"^model-index[ \t]*:[ \t]*(#.*)?\r?$", re.MULTILINE)
_NO_VALUE = re.compile(r"^(model-index[ \t]*:)(?:[ \t]+(?:\[[ \t]*\]|null|~))?([ \t]*(?:#.*)?\r?\n)", re.MULTILINE)
_ANY_KEY = re.compile(r"^(?![ \t\-#\r\n])", re.MULTILINE)
_SOURCE = "benchtui"
_SOURCE_URL = "https://github.com/EleutherAI/lm-evaluation-harness"


def eval_results(results: RunResults) -> list[EvalResult]:
    """Return the scores of every task and group that was completely evaluated, in percent where they are shares.

    A few documents of a task are no result to publish: partial, limited and early-stopped tasks are left out, and
    scores that are not a number.
    """
    from huggingface_hub import EvalResult

    found = []
    for task in results.top_level:
        for score in ordered(results.scores_of(task)):
            if not score.finite or score.n < score.total or results.partial_of(task) or results.early_of(task):
                continue
            facts = _facts(results, score)
            shots = facts.shots if facts else None
            found.append(
                EvalResult(
                    task_type="text-generation",
                    task_name="Text Generation",
                    dataset_type=_dataset(facts, task),
                    dataset_name=printable(_dataset_name(facts, task)),
                    dataset_config=printable(facts.subset) or None if facts and results.group(task) is None else None,
                    dataset_split=printable(facts.split) or None if facts else None,
                    dataset_args={"num_few_shot": shots} if shots is not None else None,
                    metric_type=printable(score.metric),
                    metric_name=printable(_metric_name(score, results.answers_to_each(task))),
                    metric_value=round(100 * score.value, 2) if score.is_share else score.value,
                    source_name=f"{_SOURCE} (lm-eval {printable(results.lm_eval_version)})",
                    source_url=_SOURCE_URL,
                )
            )
    return found


def _facts(results: RunResults, score: Score) -> TaskFacts | None:
    group = results.group(score.task)
    return results.task(group.leaves[0] if group and group.leaves else score.task)


def _dataset(facts: TaskFacts | None, task: str) -> str:
    """Return the data set's name on the Hub; the task's own for one read from local files."""
    named = facts.dataset if facts else ""
    return named if re.fullmatch(r"[\w.-]+/[\w.-]+", named) else printable(task)


def _dataset_name(facts: TaskFacts | None, task: str) -> str:
    """Return the name that the Hub shows, where people search for "IFEval" and not for our titles: the data set, and
    the task if it has another name."""
    name = _dataset(facts, task).rpartition("/")[2]
    return name if name.casefold() == task.casefold() else f"{name} ({task})"


def _metric_name(score: Score, answers: int) -> str:
    name = score_metric(score, answers)
    return f"{name} (%)" if score.is_share else name


def with_model_index(document: Document, model_name: str, found: Sequence[EvalResult]) -> str:
    """Return the document's text with our results in its front matter; unchanged where it has none or there is no
    result.

    Raises UnparsableError when they cannot be added without changing what others wrote there.
    """
    if document.front is None:
        return document.text
    start, end = document.front
    before = document.text[start:end]
    after = _changed(before, _items(model_name, found) if found else [], document.newline)
    if after == before:
        return document.text
    _check(before, after)
    return document.text[:start] + after + document.text[end:]


def _changed(text: str, items: list[str], newline: str) -> str:
    """Return the front matter, whose every line has its end, with `items` in place of our earlier ones."""
    bare = _without_ours(text)
    if not items:
        return bare
    front_matter = front_matter_of(bare)
    if "model-index" not in front_matter:
        return bare + _lines([START, "model-index:", *items, END], newline)
    existing = front_matter["model-index"]
    if existing in (None, []):
        return _below_key(bare, items, newline)
    return _beside(bare, existing, items, newline)


def _lines(lines: Sequence[str], newline: str) -> str:
    return "".join(line + newline for line in lines)


def _items(model_name: str, found: Sequence[EvalResult]) -> list[str]:
    """Return our list item as lines of YAML."""
    import yaml
    from huggingface_hub import ModelCardData

    card = ModelCardData(model_name=printable(model_name), eval_results=list(found))
    index = card.to_dict()["model-index"]  # type: ignore[no-untyped-call]
    dumped = yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=1000)
    return dumped.rstrip("\n").split("\n")


def _without_ours(text: str) -> str:
    """Return `text` without what we wrote there: found by its comments, or by its source where another tool removed the
    comments."""
    comments = list(_COMMENT.finditer(text))
    if comments:
        if [comment.group(1) for comment in comments] != ["start", "end"]:
            raise UnparsableError("the benchtui comments in its front matter do not make one pair")
        return text[: comments[0].start()] + text[comments[1].end() :]
    index = front_matter_of(text).get("model-index")
    if not index or not isinstance(index, list) or not all(_is_ours(item) for item in index):
        return text
    start, end = _block(text)
    return text[:start] + text[end:]


def _is_ours(item: Any) -> bool:
    """Return whether every result of one model in a model-index names us as its source."""
    results = item.get("results") if isinstance(item, dict) else None
    if not isinstance(results, list) or not results:
        return False
    sources = [result.get("source") if isinstance(result, dict) else None for result in results]
    names = [source.get("name") if isinstance(source, dict) else None for source in sources]
    return all(isinstance(name, str) and name.startswith(_SOURCE) for name in names)


def _block(text: str) -> tuple[int, int]:
    """Return the span of the `model-index` key with all its lines, without the comments of what follows. Raises
    UnparsableError when it is not in block style."""
    key = _KEY.search(text)
    if key is None:
        raise UnparsableError("its model-index is not written as a block")
    following = _ANY_KEY.search(text, key.end() + 1)
    lines = re.split(r"(?<=\n)", text[key.start() : following.start() if following else len(text)])
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return key.start(), key.start() + len("".join(lines))


def _below_key(text: str, items: list[str], newline: str) -> str:
    """Return the lines with our item as the only one of a model-index that was left empty."""
    key = _NO_VALUE.search(text)
    if key is None:
        raise UnparsableError("its model-index is not written as a block")
    ours = _lines([START, *items, END], newline)
    return text[: key.start()] + key.group(1) + key.group(2) + ours + text[key.end() :]


def _beside(text: str, existing: Any, items: list[str], newline: str) -> str:
    """Return the lines with our item as the last of a model-index that others wrote."""
    if not isinstance(existing, list) or not all(isinstance(item, dict) for item in existing):
        raise UnparsableError("its model-index is not a list")
    if any(_is_ours(item) for item in existing):
        raise UnparsableError("its model-index holds benchtui's results among others, without the comments around them")
    start, end = _block(text)
    first = re.search(r"^([ \t]*)-(?=\s)", text[start:end], re.MULTILINE)
    if first is None:
        raise UnparsableError("its model-index is not written as a block")
    ours = _lines([first.group(1) + line for line in [START, *items, END]], newline)
    return text[:end] + ours + text[end:]


def _check(before: str, after: str) -> None:
    """Check that everything others wrote still reads the same, and that huggingface_hub accepts the card."""
    from huggingface_hub import ModelCard

    try:
        unchanged = _of_others(before) == _of_others(after)
    except UnparsableError:
        unchanged = False
    if not unchanged:
        raise UnparsableError("it cannot be added to without changing it")
    try:
        ModelCard(f"---\n{after}---\n")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnparsableError(f"huggingface_hub does not take it ({one_line(str(error))})") from None


def _of_others(text: str) -> str:
    """Return the front matter without our results; dumped, so that NaN and nodes that contain themselves compare."""
    import yaml

    front_matter = front_matter_of(text)
    index = front_matter.pop("model-index", None)
    theirs = [item for item in index if not _is_ours(item)] if isinstance(index, list) else index
    return yaml.safe_dump([front_matter, theirs or None], sort_keys=False)
