"""The models of a chat are loaded with as few copies of their weights as can be, whatever happens to one of them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from benchtui.routing.records import Sampling
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from benchtui.worker.chat.models import Loaded, Loader
from benchtui.worker.chat.speaker import Cancellation, Piece, Speaker
from benchtui.worker.report import Reporter
from tests.worker.answering.hf.test_adapters import LORA, save_adapter
from tests.worker.chat.talks import chat_plan
from tests.worker.tiny_models import make_base, rewrite


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = make_base(tmp_path / "base")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    return folder


def adapter(base: Path, name: str, **changes: Any) -> Path:
    from peft import LoraConfig

    config = LoraConfig(**{**LORA, "task_type": "CAUSAL_LM", **changes})
    return save_adapter(base, base.parent / name, config)


def load(folder: Path, *models: Path) -> dict[str, Loaded]:
    plan = chat_plan(
        folder / "outputs", {path.name: path for path in models}, dtype="float32", base=str(folder / "base")
    )
    reporter = Reporter(EventWriter(folder / "events.jsonl"))
    found = {models[one.told.model].name: one for one in Loader(plan, reporter, 1.0).load()}
    assert len(found) == len(models)
    return found


def said(speaker: Speaker | None, text: str = "the quick brown fox") -> list[int]:
    assert speaker is not None
    asked = Write(number=1, turn=1, model=0, messages=(Message("user", text),), sampling=Sampling(max_new_tokens=12))
    told = speaker.answer(asked, (), (), Cancellation())
    return [token.id for one in told if isinstance(one, Piece) for token in one.tokens]


def shares(one: Loaded) -> int | None:
    assert isinstance(one.told, ChatReady)
    return one.told.shares


def test_a_base_and_its_adapters_share_weights_and_write_as_they_do_alone(base: Path, tmp_path: Path) -> None:
    models = (adapter(base, "one"), base, adapter(base, "two", r=8))
    together = load(tmp_path, *models)
    assert {name: shares(one) for name, one in together.items()} == {"base": None, "one": 1, "two": 1}
    locks = {id(one.speaker.lock) for one in together.values() if one.speaker is not None}
    assert len(locks) == 1
    alone = {path.name: said(load(tmp_path, path)[path.name].speaker) for path in models}
    for _ in range(2):
        assert {name: said(one.speaker) for name, one in together.items()} == alone
    assert len({tuple(ids) for ids in alone.values()}) == 3


def test_two_adapters_share_the_weights_of_a_base_that_is_not_in_the_chat(base: Path, tmp_path: Path) -> None:
    models = (adapter(base, "one"), adapter(base, "two", r=8))
    together = load(tmp_path, *models)
    assert {name: shares(one) for name, one in together.items()} == {"one": None, "two": 0}
    assert {name: said(one.speaker) for name, one in together.items()} == {
        path.name: said(load(tmp_path, path)[path.name].speaker) for path in models
    }


def test_an_adapter_that_does_not_fit_keeps_nobody_from_answering(base: Path, tmp_path: Path) -> None:
    broken = rewrite(adapter(base, "broken"), lambda tensors: dict(list(tensors.items())[2:]), "adapter_model")
    good = adapter(base, "good")
    together = load(tmp_path, base, broken, good)
    told = together["broken"].told
    assert isinstance(told, ChatUnready)
    assert "broken" in told.what
    assert shares(together["good"]) == 0
    assert said(together["base"].speaker) == said(load(tmp_path, base)["base"].speaker)
    assert said(together["good"].speaker) == said(load(tmp_path, good)["good"].speaker)


def test_an_adapter_that_changes_its_base_has_weights_of_its_own(base: Path, tmp_path: Path) -> None:
    own = adapter(base, "own", modules_to_save=["lm_head"])
    together = load(tmp_path, base, own)
    assert {name: shares(one) for name, one in together.items()} == {"base": None, "own": None}
    first, second = (one.speaker for one in together.values())
    assert first is not None
    assert second is not None
    assert first.lock is not second.lock
    assert isinstance(first.lock, type(threading.Lock()))
    assert said(together["base"].speaker) == said(load(tmp_path, base)["base"].speaker)
    assert said(together["own"].speaker) == said(load(tmp_path, own)["own"].speaker)


def test_a_model_without_a_chat_template_says_so(base: Path, tmp_path: Path) -> None:
    (base / "chat_template.jinja").unlink()
    told = load(tmp_path, base)["base"].told
    assert isinstance(told, ChatUnready)
    assert "no chat template" in told.what
    assert "--chat-template" in told.next_step
