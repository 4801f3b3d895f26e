"""What a process is asked that writes the documents of tasks (`benchtui.worker.documents`), and where it answers."""

from __future__ import annotations

import msgspec

REQUEST, DOCUMENTS, ERROR = "request.json", "documents.jsonl", "error.json"
"""Files in the folder that the process is given."""


class DocumentsRequest(msgspec.Struct, frozen=True):
    """The tasks and groups whose documents are wanted, and name -> YAML file of all that belongs to them."""

    tasks: tuple[str, ...]
    task_files: dict[str, str]


class RequestError(msgspec.Struct, frozen=True):
    """What went wrong, and what the user can do."""

    what: str
    next_step: str = ""
