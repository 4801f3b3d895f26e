"""The front matter's `model-index`: results as the Hub renders them, made by huggingface_hub's own classes and put
between two comments, so that every other key and comment stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchtui.compare.titles import title_of
from benchtui.reports.document import Document, UnparsableError, front_matter_of
from benchtui.reports.scores import score_metric
from benchtui.results.primary import ordered
from benchtui.results.records import RunResults, Score, TaskFacts

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

START = "# benchtui:start (replaced by `benchtui readme`)"
END = "# benchtui:end"
_START = re.compile(r"^[ \t]*# benchtui:start\b.*$", re.MULTILINE)
_END = re.compile(r"^[ \t]*# benchtui:end\b.*$", re.MULTILINE)
_KEY = re.compile(r"^model-index[ \t]*:[ \t]*(#.*)?$", re.MULTILINE)
_ANY_KEY = re.compile(r"^(?![ \t\-#\r\n])", re.MULTILINE)
_SOURCE = "benchtui"
_SOURCE_URL = "https://github.com/EleutherAI/lm-evaluation-harness"


def eval_results(results: RunResults) -> list[EvalResult]:
    """The scores of every task and group that was evaluated whole, in percent where they are shares.

    A few documents of a task are no result to publish: partial, limited and early-stopped tasks are left out.
    """
    from huggingface_hub import EvalResult

    found = []
    for task in results.top_level:
        for score in ordered(results.scores_of(task)):
            if score.n < score.total or results.partial_of(task) or results.early_of(task):
                continue
            facts = _facts(results, score)
            shots = facts.shots if facts else None
            found.append(
                EvalResult(
                    task_type="text-generation",
                    task_name="Text Generation",
                    dataset_type=_dataset(facts, task),
                    dataset_name=title_of(task, results),
                    dataset_config=facts.subset or None if facts and results.group(task) is None else None,
                    dataset_split=facts.split or None if facts else None,
                    dataset_args={"num_few_shot": shots} if shots is not None else None,
                    metric_type=score.metric,
                    metric_name=_metric_name(score),
                    metric_value=round(100 * score.value, 2) if score.is_share else score.value,
                    source_name=f"{_SOURCE} (lm-eval {results.lm_eval_version})",
                    source_url=_SOURCE_URL,
                )
            )
    return found


def _facts(results: RunResults, score: Score) -> TaskFacts | None:
    group = results.group(score.task)
    return results.task(group.leaves[0] if group and group.leaves else score.task)


def _dataset(facts: TaskFacts | None, task: str) -> str:
    """The data set's name on the Hub; the task's own for one read from local files."""
    named = facts.dataset if facts else ""
    return named if re.fullmatch(r"[\w.-]+/[\w.-]+", named) else task


def _metric_name(score: Score) -> str:
    return f"{score_metric(score)} (%)" if score.is_share else score_metric(score)


def with_model_index(document: Document, model_name: str, found: Sequence[EvalResult]) -> str:
    """The document's text with our results in its front matter; unchanged where it has none or there is no result.

    Raises UnparsableError when there is a `model-index` into which nothing can be put without touching what it holds.
    """
    if document.front is None:
        return document.text
    start, end = document.front
    # The regex of the Hub leaves the last line's end outside the span; every line in here then ends alike.
    yaml_text = document.text[start:end].replace("\r\n", "\n")
    changed = _changed(yaml_text, model_name, found)
    if changed == yaml_text:
        return document.text
    _check(yaml_text, changed)
    return document.text[:start] + _restored(document, changed) + document.text[end:]


def _restored(document: Document, changed: str) -> str:
    """`changed` with each old line's own end and the document's for the new ones."""
    start, end = document.front or (0, 0)
    original = document.text[start:end]
    if "\r" not in original:
        return changed
    if "\n" not in original.replace("\r\n", ""):
        return changed.replace("\n", "\r\n")
    raise UnparsableError("its front matter mixes line ends")


def _changed(text: str, model_name: str, found: Sequence[EvalResult]) -> str:
    bare = _without_ours(text)
    if not found:
        return bare
    items = _items(model_name, found)
    existing = front_matter_of(bare).get("model-index")
    if existing is None and "model-index" not in front_matter_of(bare):
        return "\n".join([*([bare] if bare.strip() else []), START, "model-index:", *items, END])
    return _beside(bare, existing, items)


def _items(model_name: str, found: Sequence[EvalResult]) -> list[str]:
    """Our list item as lines of YAML."""
    import yaml
    from huggingface_hub import ModelCardData

    card = ModelCardData(model_name=model_name, eval_results=list(found))
    index = card.to_dict()["model-index"]  # type: ignore[no-untyped-call]
    dumped = yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=1000)
    return dumped.rstrip("\n").split("\n")


def _without_ours(text: str) -> str:
    """`text` without what we put there: by its comments, or by its source where another tool dropped the comments."""
    start, end = _START.search(text), _END.search(text)
    if (start is None) != (end is None) or (start and end and end.start() < start.start()):
        raise UnparsableError("the benchtui comments in its front matter do not make one pair")
    if start and end:
        before, after = text[: start.start()].removesuffix("\n"), text[end.end() :].removeprefix("\n")
        return "\n".join(part for part in (before, after) if part)
    index = front_matter_of(text).get("model-index")
    if not _all_ours(index):
        return text
    block = _block(text)
    before, after = text[: block[0]].removesuffix("\n"), text[block[1] :].removeprefix("\n")
    return "\n".join(part for part in (before, after) if part)


def _all_ours(index: Any) -> bool:
    if not isinstance(index, list) or not index:
        return False
    results = [r for item in index if isinstance(item, dict) for r in (item.get("results") or [{}])]
    sources = [r.get("source") if isinstance(r, dict) else None for r in results]
    names = [source.get("name") if isinstance(source, dict) else None for source in sources]
    return bool(names) and all(isinstance(name, str) and name.startswith(_SOURCE) for name in names)


def _block(text: str) -> tuple[int, int]:
    """The span of the `model-index` key with all its lines, without the end of the last one and the comments of what
    follows. Raises UnparsableError when it is not in block style."""
    key = _KEY.search(text)
    if key is None:
        raise UnparsableError("its model-index is not written as a block")
    following = _ANY_KEY.search(text, key.end() + 1)
    lines = text[key.start() : following.start() if following else len(text)].split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return key.start(), key.start() + len("\n".join(lines))


def _beside(text: str, existing: Any, items: list[str]) -> str:
    """Our item as the last of a model-index that others wrote."""
    if not isinstance(existing, list) or not all(isinstance(item, dict) for item in existing):
        raise UnparsableError("its model-index is not a list")
    if any(_all_ours([item]) for item in existing):
        raise UnparsableError("its model-index holds benchtui's results among others, without the comments around them")
    start, end = _block(text)
    first = re.search(r"^([ \t]*)- ", text[start:end], re.MULTILINE)
    if first is None:
        raise UnparsableError("its model-index is not written as a block")
    indent = first.group(1)
    ours = "\n".join(f"{indent}{line}" for line in [START, *items, END])
    return f"{text[:end]}\n{ours}{text[end:]}"


def _check(before: str, after: str) -> None:
    """Every other key reads as before, and huggingface_hub takes the card."""
    from huggingface_hub import ModelCard

    old, new = front_matter_of(_without_ours(before)), front_matter_of(after)
    others = {key: value for key, value in new.items() if key != "model-index"}
    if others != {key: value for key, value in old.items() if key != "model-index"}:
        raise UnparsableError("its front matter cannot be added to without changing it")
    try:
        ModelCard(f"---\n{after}\n---\n")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnparsableError(f"huggingface_hub does not take its front matter ({error})") from None
