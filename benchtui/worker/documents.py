"""`python -m benchtui.worker.documents FOLDER`: write the documents of tasks, for which lm-eval must load their data.

FOLDER holds request.json: the tasks by name and the YAML files that define them. What is written is documents.jsonl,
one document a line, or error.json with what went wrong. No model is loaded or asked.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task

from benchtui.errors import BenchtuiError
from benchtui.models.hub.asking import hub_is_offline
from benchtui.results.documents import BenchmarkDocument, document_text, rendered
from benchtui.runs.task_documents import DOCUMENTS, ERROR, REQUEST, DocumentsRequest, RequestError
from benchtui.worker.benchmark.answers.scoring import document_hash
from benchtui.worker.benchmark.tasks.load import PlannedTaskManager
from benchtui.worker.benchmark.tasks.local_names import refuse_local_metrics
from benchtui.worker.guard import StopFlag, die_with_supervisor
from benchtui.worker.offline import RefusedConnections


def main(folder: Path) -> None:
    """Answer the request in `folder`."""
    die_with_supervisor()
    StopFlag().install()
    refused = RefusedConnections() if hub_is_offline() else None
    request = msgspec.json.decode((folder / REQUEST).read_bytes(), type=DocumentsRequest)
    try:
        with (folder / DOCUMENTS).open("wb") as out:
            for document in _documents(request):
                out.write(msgspec.json.encode(document) + b"\n")
        if refused is not None:
            refused.check()
    except BenchtuiError as error:
        (folder / ERROR).write_bytes(msgspec.json.encode(RequestError(error.what, error.next_step)))


def _documents(request: DocumentsRequest) -> Iterator[BenchmarkDocument]:
    refuse_local_metrics()
    manager = PlannedTaskManager(request.task_files, {}, lambda _: None)
    for name in request.tasks:
        for task_name, task in manager.load([name])["tasks"].items():
            yield from _of_task(task_name, task)


def _of_task(name: str, task: Task) -> Iterator[BenchmarkDocument]:
    task.set_config(key="num_fewshot", value=0)
    task.build_all_requests(limit=None)
    requests: dict[int, list[Instance]] = defaultdict(list)
    for instance in task.instances:
        requests[instance.doc_id].append(instance)
    for doc_id, instances in requests.items():
        doc = instances[0].doc
        shown = rendered(doc, [instance.args for instance in instances], task.doc_to_target(doc))
        yield BenchmarkDocument(name, str(doc_id), document_hash(doc), document_text(doc, shown))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads and exit hooks of the libraries have nothing to add
