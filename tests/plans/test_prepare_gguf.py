"""Plans of GGUF files and of served models: base or alone, one template, refusals before anything is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchtui.backends import registry
from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives
from benchtui.backends.gguf_models import gguf_source, present_gguf
from benchtui.backends.served import served_source
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.gguf.describe import describe_gguf
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.models.served import ServedDescription, served_model
from benchtui.models.source import GgufSource, ServedSource, Source
from benchtui.models.tokenizer.chat_template import ChatTemplate
from benchtui.models.weights.architecture import Architecture
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.plan import Permissions, read_plan, write_plan
from benchtui.plans.prepare import PreparedBench, prepare
from benchtui.plans.tasks import plan_tasks
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import load_catalogue
from tests.models.gguf_files import TEMPLATE, tensors, write_gguf, write_parts


class _Reader(Backend):
    def describe(self, location: str, access: Access) -> ModelDescription:
        return describe_gguf(location)

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        return gguf_source(form, own)

    def identify(self, source: Source, access: Access) -> str:
        return present_gguf(source)


class _Server(Backend):
    """Serves two models; `chatty` proves no log-likelihoods, and its file is here."""

    gguf: str | None = None

    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        return served_model(selector or "chatty", outputs)

    def list_models(self, outputs: Path, access: Access) -> list[TrainedModel]:
        return [served_model(name, outputs) for name in ("chatty", "org/other:Q4")]

    def describe(self, location: str, access: Access) -> ModelDescription:
        return ServedDescription(
            name=location, identity=f"digest of {location}", revision=None, weight_bytes=0, parameters=None,
            parameters_estimated=False, dtype=None, template=ChatTemplate(), has_tokenizer=True,
            architecture=Architecture(), server="http://127.0.0.1:1", product="ollama", gguf=type(self).gguf,
        )  # fmt: skip

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        return served_source(form, own)

    def gives_of(self, model: ModelDescription, access: Access) -> Gives:
        return dataclasses.replace(self.gives, loglikelihood=False, no_loglikelihood="its echo is off by one")


READER = _Reader("reader", "reads GGUF", ("gguf",), Gives(generate=True, loglikelihood=True), "none")
SERVER = _Server("asker", "asks", ("served",), Gives(generate=True, loglikelihood=True), "none", served=True)


@pytest.fixture(autouse=True)
def backends(monkeypatch: pytest.MonkeyPatch) -> None:
    known: Mapping[str, Backend] = {**registry.BUILT_IN, "reader": READER, "asker": SERVER}
    monkeypatch.setattr(registry, "BUILT_IN", known)
    monkeypatch.setattr(_Server, "gguf", None)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "tuned" / "gguf"
    write_gguf(folder / "tuned-F32.gguf")
    write_gguf(folder / "tuned-Q8_0.gguf", quantize="Q8_0", file_type=7)
    (folder.parent / "training_params.yaml").write_text("model:\n  base_model: org/base-1b\n")
    return tmp_path / "outputs"


def prepared(outputs: Path, *, backend: str = "reader", task: str = "hellaswag", **more: Any) -> PreparedBench:
    choice = Choice(outputs=outputs, backend=backend, tasks=(task,), **{"model": "tuned", **more})
    tasks = plan_tasks(choice, Config(), load_catalogue())
    own = registry.find_backend(backend)
    return prepare(choice, own.find(outputs, choice.model, access_of(choice, own)), tasks)


def test_alone_where_the_base_is_no_gguf_and_what_would_compare_it(outputs: Path) -> None:
    found = prepared(outputs, decide_early=2.0)
    assert found.base is None
    (note,) = [note for note in found.notes if "evaluated alone" in note]
    assert "org/base-1b" in note
    assert "--base FILE.gguf" in note
    assert "--decide-early has nothing to decide" in note
    assert found.fine_tuned.decide_early is None
    source = found.fine_tuned.source
    assert isinstance(source, GgufSource)
    assert (Path(source.path).name, source.quantization, source.format) == ("tuned-F32.gguf", "F32", "tuned-F32.gguf")


@pytest.mark.parametrize("place", ["gguf", "", "merged_16bit"])
def test_a_generation_config_beside_the_file_acts_on_nothing_and_is_said(outputs: Path, place: str) -> None:
    folder = outputs / "tuned" / place
    folder.mkdir(exist_ok=True)
    (folder / "generation_config.json").write_text(
        '{"do_sample": true, "temperature": 0.7, "eos_token_id": 2, "repetition_penalty": 1.3}'
    )
    (note,) = [note for note in prepared(outputs).notes if "generation_config.json" in note]
    assert "is not read for a GGUF file, and the hf backend applies its repetition_penalty=1.3:" in note
    assert "--gen-kwargs" in note
    assert "temperature" not in note, "tasks decode greedily"
    told = prepared(outputs, gen_kwargs={"repetition_penalty": 1.3}).notes
    assert not [note for note in told if "generation_config.json" in note]


def test_another_file_as_the_base_is_a_paired_comparison(outputs: Path, tmp_path: Path) -> None:
    base = write_gguf(tmp_path / "base.gguf", tensors(seed=1), template="other {{ messages }}", quantize="Q8_0")
    found = prepared(outputs, base=str(base), decide_early=2.0)
    assert found.base is not None
    assert found.base.prompts == found.fine_tuned.prompts
    assert found.base.prompts.chat_template == TEMPLATE
    assert (found.base.source.path, found.base.source.format, found.base.role) == (str(base), "base", "base")
    assert found.fine_tuned.decide_early == 2.0
    assert any("Quantisation differs: F32 (fine-tuned), Q8_0 (base)" in note for note in found.notes)
    with pytest.raises(UsageError, match="the model itself"):
        prepared(outputs, base=str(outputs / "tuned" / "gguf" / "tuned-F32.gguf"))
    with pytest.raises(UsageError, match="There is no GGUF file"):
        prepared(outputs, base="org/base-1b")


def test_quantisations_side_by_side_are_different_plans(outputs: Path) -> None:
    plans = {
        wanted: prepared(outputs, format=wanted).fine_tuned for wanted in ("F32", "q8_0", "tuned-Q8_0.gguf", "gguf")
    }
    assert plans["q8_0"].fingerprint == plans["tuned-Q8_0.gguf"].fingerprint != plans["F32"].fingerprint
    assert plans["gguf"].fingerprint == plans["F32"].fingerprint, "the largest"
    differences = plans["F32"].differences(plans["q8_0"])
    assert any(words.startswith("quantization: 'Q8_0' there, 'F32' now") for words in differences)
    with pytest.raises(UsageError, match="Q4_K_M"):
        prepared(outputs, format="Q4_K_M")


def test_a_plan_is_read_as_it_was_written_and_notices_another_file(outputs: Path, tmp_path: Path) -> None:
    plan = prepared(outputs, verify=True).fine_tuned
    write_plan(tmp_path / "a" / "run" / "plan.json", plan)
    assert read_plan(tmp_path / "a" / "run" / "plan.json", BenchmarkPlan) == plan
    assert plan.source.whole == plan.source.identity, "of small files the identity covers every byte"
    assert READER.identify(plan.source, Access()) == plan.source.identity
    write_gguf(Path(plan.source.path), tensors(seed=3))
    assert READER.identify(plan.source, Access()) != plan.source.identity


def test_a_part_that_is_named_gives_the_whole_model_and_says_so(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "downloads", "m-F32")
    found = prepared(tmp_path / "outputs", model=str(parts[1]))
    assert any(
        "is part 2 of 3: the model is loaded from its first part, m-F32-00001-of-00003.gguf" in n for n in found.notes
    )
    source = found.fine_tuned.source
    assert isinstance(source, GgufSource)
    assert (source.path, source.parts) == (str(parts[0]), tuple(map(str, parts[1:])))
    assert found.model.path == tmp_path / "outputs" / "m-F32"


# Chat templates.


def test_no_template_is_guessed(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", template=None)
    plain = prepared(tmp_path / "outputs", model=str(file))
    assert plain.fine_tuned.prompts.chat_template is None
    with pytest.raises(UsageError, match="does not have a chat template") as raised:
        prepared(tmp_path / "outputs", model=str(file), chat_template="on")
    assert "--chat-template FILE" in raised.value.next_step
    (tmp_path / "own.jinja").write_text("{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}")
    given = prepared(
        tmp_path / "outputs", model=str(file), chat_template=str(tmp_path / "own.jinja")
    ).fine_tuned.prompts
    assert given.chat_template is not None
    assert given.chat_template.startswith("{% for m in messages %}<")
    assert given.template_file == str(tmp_path / "own.jinja")
    (tmp_path / "own.jinja").write_text("{{ raise_exception('no') }}")
    with pytest.raises(BenchtuiError, match=r"own\.jinja"):
        prepared(tmp_path / "outputs", model=str(file), chat_template=str(tmp_path / "own.jinja"))
    with pytest.raises(UsageError, match="does not exist"):
        prepared(tmp_path / "outputs", model=str(file), chat_template=str(tmp_path / "none.jinja"))


# Served models.


def test_a_task_that_the_server_cannot_answer_is_refused_with_the_backend_that_can(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError) as raised:
        prepared(outputs, backend="asker", model="chatty")
    assert raised.value.what == (
        "hellaswag needs log-likelihoods; the server (ollama) gives none (its echo is off by one)."
    )
    assert raised.value.next_step == "Choose other tasks."
    monkeypatch.setattr(_Server, "gguf", "/models/blobs/sha256-1")
    with pytest.raises(UsageError) as raised:
        prepared(outputs, backend="asker", model="chatty")
    assert raised.value.next_step == "Use --backend gguf --model /models/blobs/sha256-1, which opens the same file."


def test_a_served_model_owns_a_folder_and_is_compared_with_another_of_its_server(outputs: Path) -> None:
    found = prepared(outputs, backend="asker", model="hf.co/org/m:Q4_K_M", task="gsm8k", verify=True)
    assert found.model.path == outputs.absolute() / "hf.co--org--m-Q4_K_M"
    assert (found.fine_tuned.model_name, found.base) == ("hf.co/org/m:Q4_K_M", None)
    assert any("--base NAME" in note for note in found.notes)
    assert any("bytes are the server's" in note for note in found.notes)
    source = found.fine_tuned.source
    assert isinstance(source, ServedSource)
    assert (source.path, source.server, source.product) == ("hf.co/org/m:Q4_K_M", "http://127.0.0.1:1", "ollama")
    both = prepared(outputs, backend="asker", model="chatty", base="other", task="gsm8k")
    assert both.base is not None
    assert (both.base.source.path, both.base.source.identity) == ("other", "digest of other")
    assert Permissions() == both.base.permissions
