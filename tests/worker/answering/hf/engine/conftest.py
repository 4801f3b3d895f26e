"""One tokenizer and one Llama for the tests that do not care which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worker.answering.hf.engine import exam, zoo


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return exam.make_tokenizer()


@pytest.fixture(scope="session")
def llama() -> Any:
    return zoo.make_model("llama")
