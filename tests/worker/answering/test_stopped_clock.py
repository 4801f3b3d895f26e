"""The moment that chat templates take for now."""

from __future__ import annotations

import threading

from transformers.utils import chat_template_utils

from benchtui.worker.answering.chat_template import stopped_clock


def test_models_that_render_at_once_have_each_its_own_moment() -> None:
    real, inside, rendered = chat_template_utils.datetime, threading.Event(), list[str]()

    def other() -> None:
        with stopped_clock("2025-05-05T05:05"):
            inside.set()
            rendered.append(chat_template_utils.datetime.now().isoformat()[:4])

    thread = threading.Thread(target=other)
    with stopped_clock("2024-04-04T04:04"):
        thread.start()
        inside.wait(0.2)
        rendered.append(chat_template_utils.datetime.now().isoformat()[:4])
    thread.join()
    assert rendered == ["2024", "2025"]
    assert chat_template_utils.datetime is real
