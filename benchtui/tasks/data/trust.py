"""Whether a task's files hold only what benchtui writes into them, whoever wrote them: then they run no code of theirs.

A task is trusted by content. Its YAML must be, line by line, one that `write_task` could have written; its data a plain
Parquet file beside it, of the columns and the digest that it claims.
"""

from __future__ import annotations

import glob
import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.files import open_regular_file, read_regular
from benchtui.tasks.data.write_task import DIGITS, LONGEST_NAME, digest_of, schema
from benchtui.tasks.metrics.own_file import is_own
from benchtui.tasks.metrics.registry import METRICS, choose
from benchtui.tasks.metrics.scoring import PROCESS_RESULTS, metric_list

_LARGEST = 256 * 1024
_TEXT = r'"(?:[ !#-\[\]-~]|\\[\\"/abtnvfre0_]|\\x[0-9A-F]{2}|\\u[0-9A-F]{4}|\\U[0-9A-F]{8})*"'
"""Text between quotation marks, as YAML's writer leaves it: ASCII, the rest escaped."""
_FUNCTIONS = "|".join(sorted(re.escape(name) for name in PROCESS_RESULTS.values() if name))
_AGGREGATIONS = "|".join(
    sorted({re.escape(("!function " if "." in one.aggregation else "") + one.aggregation) for one in METRICS.values()})
)
_METRIC = rf"""  - metric: (?:{_TEXT})
    aggregation: (?:{_AGGREGATIONS})
    higher_is_better: (?:true|false)
"""
_TASK = re.compile(
    rf"""task: "(?P<name>[A-Za-z0-9_-]{{1,{LONGEST_NAME}}})"
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: (?P<test>{_TEXT})
(?:    fewshot: (?P<fewshot>{_TEXT})
)?test_split: test
(?:num_fewshot: 0|fewshot_split: fewshot)
output_type: (?:generate_until|multiple_choice|loglikelihood_rolling)
doc_to_text: prompt
(?:doc_to_choice: choices
)?(?:doc_to_target: gold
)?(?:target_delimiter: "[ ]?"
)?(?:doc_to_target: target
)?(?:generation_kwargs:
  until: \[(?:{_TEXT}(?:, {_TEXT})*)?\]
  do_sample: false
  max_gen_toks: [0-9]{{1,6}}
)?(?:description: "\{{\{{system\}}\}}"
)?(?:process_results: !function (?P<function>{_FUNCTIONS})
)?metric_list:
(?P<metrics>(?:{_METRIC})+)metadata:
  version: 1\.0
  kind: (?:{"|".join(PROCESS_RESULTS)})
  description: {_TEXT}
"""
)


def is_ours(yaml: Path, metrics: Sequence[str] = ()) -> bool:
    """Return whether the task of this YAML holds only what benchtui writes, and so asks no network and runs no code but
    that of the metrics of one's own among `metrics`, those that its data set is scored with."""
    return not why_not_ours(yaml, metrics)


def is_made(yaml: Path) -> bool:
    """Return whether a file is written as benchtui writes tasks, whatever its metrics and its data: whether it may be
    written again. It says nothing about trust."""
    return _parsed(yaml) is not None


def why_not_ours(yaml: Path, metrics: Sequence[str] = (), *, check_data: bool = True) -> str:
    """Return why a task is not trusted, for a sentence; "" when it is. With `check_data` its Parquet files are read to
    their end and compared with their digests. Of metrics that are Python files it may have those among `metrics`."""
    own = [choose(metric).metric.name for metric in metrics if is_own(metric)]
    found = _parsed(yaml)
    if found is None:
        return "it is not written as benchtui writes tasks"
    if (reason := _metrics_reason(found)) or (reason := _import_reason(yaml.parent)):
        return reason
    for split in filter(found.group, ("test", "fewshot")):
        named = _metric_names(found) if split == "test" else None  # examples are not scored
        if reason := _data_reason(yaml, found[split], check_data, named, own):
            return reason
    return ""


def _parsed(yaml: Path) -> re.Match[str] | None:
    try:
        if not _is_plain_file(yaml):
            return None
        found = _TASK.fullmatch(read_regular(yaml, _LARGEST).decode("ascii"))
    except (OSError, ValueError):
        return None
    return found if found and found["name"] == yaml.stem and yaml.suffix == ".yaml" else None


def _metrics_reason(found: re.Match[str]) -> str:
    """Of a metric that it does not know, and that no function of ours computes, lm-eval loads code from the Hub."""
    unknown = [name for name in _metric_names(found) if not found["function"] and name not in ("acc", "acc_norm")]
    return "it names a metric that is not benchtui's" if unknown else ""


def _metric_names(found: re.Match[str]) -> list[str]:
    return [str(_unquoted(text)) for text in re.findall(rf"- metric: ({_TEXT})", found["metrics"])]


def _import_reason(folder: Path) -> str:
    """For benchtui.tasks.metrics.… lm-eval first looks for benchtui/tasks/metrics/….py beside the YAML."""
    return "a file or folder called benchtui lies beside it" if os.path.lexists(folder / "benchtui") else ""


def _data_reason(yaml: Path, quoted: str, check_data: bool, metrics: list[str] | None, own: list[str]) -> str:
    pattern = str(_unquoted(quoted))
    path = Path(re.sub(r"\[([*?\[])\]", r"\1", pattern))
    named = re.fullmatch(rf"{re.escape(yaml.stem)}(?:-fewshot)?-([0-9a-f]{{{DIGITS}}})\.parquet", path.name)
    beside = yaml.absolute().parent
    if not named or glob.escape(str(path)) != pattern or path.parent not in (beside, beside.resolve()):
        return "its data are not a Parquet file beside it"
    if not check_data:
        return ""
    try:
        if not _is_plain_file(beside / path.name):
            return f"{path.name} is a link or no file"
        with open_regular_file(beside / path.name) as file:
            if digest_of(file) != named[1]:
                return f"{path.name} is not the file that it was"
    except OSError:
        return f"{path.name} cannot be read"
    return _schema_reason(beside / path.name) or _scoring_reason(beside / path.name, metrics, own)


def _schema_reason(path: Path) -> str:
    """Metadata of a Parquet file can make the data library read columns as pictures or sounds, from any address."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_schema(path)
    except (pa.ArrowException, OSError):
        return f"{path.name} is no Parquet file"
    if found.metadata or not found.equals(schema(), check_metadata=True):
        return f"{path.name} does not have the columns that benchtui writes"
    return ""


def _scoring_reason(path: Path, metrics: list[str] | None, own: list[str]) -> str:
    """A Python file that documents name as a metric, and the data set does not, would run where another task of the
    same run has the permission for its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        seen: set[tuple[str, ...]] = set()
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1000, columns=["scoring"]):
                seen |= {tuple(map(str, json.loads(text)["metrics"])) for text in batch.column(0).unique().to_pylist()}
                if len(seen) > 1:
                    return f"{path.name} has documents that are scored in different ways"
        chosen = [choose(name) for names in seen for name in names]
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, RecursionError, BenchtuiError):
        return f"{path.name} does not say how it is scored as benchtui says it"
    if any(is_own(each.metric.name) and not _is_among(each.metric.name, own) for each in chosen):
        return f"{path.name} names a Python file as a metric"
    same = metrics is None or [listed.metric for listed in metric_list(chosen)] == metrics
    return "" if same else f"{path.name} names other metrics than the task"


def _is_among(file: str, own: list[str]) -> bool:
    """Documents hold the whole path of a metric; the data set may name it from the folder that it was made in."""
    return any(Path(file).parts[-len(Path(name).parts) :] == Path(name).parts for name in own)


def _is_plain_file(path: Path) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _unquoted(text: str) -> object:
    import yaml

    return yaml.safe_load(text)
