"""What can be answered to "Which weights, and which backend?", and what the answers make of a choice."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from benchtui.backends.access import Access
from benchtui.backends.hf import HF
from benchtui.backends.ollama import OLLAMA
from benchtui.errors import BenchtuiError
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.plans.choice import Choice
from benchtui.plans.command import command_line
from benchtui.wizard.backends import (
    FormatOption,
    KnownBackend,
    backend_options,
    known_backends,
    served_name,
    usable_model,
    with_backend_for,
)
from benchtui.wizard.options import Option
from benchtui.wizard.servers import Served, ask_server, ask_servers, with_facts
from tests.cli.test_models_of_ollama import keep
from tests.models.gguf_files import tensors, write_gguf
from tests.models.model_folders import gguf
from tests.wizard.described import EVIL, FILES, LIBRARY, install, library_server
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama

CHOICE = Choice(outputs=Path("outputs"), model="m")


@pytest.fixture(autouse=True)
def backends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.backends.registry.BUILT_IN", {"hf": HF})
    install(tmp_path / "packages", monkeypatch, "FILES", "NEEDY", "LIBRARY")


def model(*forms: ModelFormat) -> TrainedModel:
    return TrainedModel("m", Path("outputs/m"), forms)


MERGED = ModelFormat("merged_16bit", Path("outputs/m/merged_16bit"), 1_100_000_000)
GGUF = ModelFormat("gguf", Path("outputs/m/gguf/m-Q4_K_M.gguf"), 98_000_000, quantization="Q4_K_M")


def lines(options: list[Option]) -> list[str]:
    return [
        f"{'# ' if option.heading else ''}{option.title}|{option.beside}|{option.why_not or option.about}"
        for option in options
    ]


def test_each_backend_says_what_it_gives_costs_and_lacks() -> None:
    options = backend_options(model(MERGED, GGUF), CHOICE, known_backends(CHOICE), {})
    assert lines(options) == [
        "# hf|transformers|generated text · log-likelihoods · memory: what the files take, twice that on a CPU",
        "merged_16bit|1.1 GB|The whole model in 16 bits: what you would deploy.",
        "# files|a reader of GGUF files|generated text · log-likelihoods · memory: little more than the file",
        "m-Q4_K_M.gguf|Q4_K_M · 98.0 MB|For llama.cpp and Ollama: part of a loss may be quantisation.",
        f"# library|a server of models|generated text · no log-likelihoods · {LIBRARY.costs} · {LIBRARY.unverified}",
        "Ask a server …||Type its URL.",
        "# needy|fast [b]kernels[/]|Not installed: python -m pip install no-such-package",
    ]
    assert [option.title for option in options if option.recommended] == ["merged_16bit"]


def test_a_python_that_is_not_there_is_said_of_every_backend() -> None:
    """Asked in a thread: the screen that shows it does not raise."""
    choice = dataclasses.replace(CHOICE, python="/no/such/python")
    known = known_backends(choice)
    assert {one.lacks for one in known} == {
        "--python: there is no /no/such/python. → Give the Python of an environment, like ENV/bin/python."
    }
    assert not any(one.asks_servers for one in known)


def test_what_nothing_loads_is_named_too() -> None:
    without = [one for one in known_backends(CHOICE) if one.name != "files"]
    options = backend_options(model(GGUF), CHOICE, without, {})
    assert "m-Q4_K_M.gguf|Q4_K_M · 98.0 MB|No backend that is registered here loads it." in lines(options)
    assert "# hf|transformers|It loads a merged model, an adapter or a checkpoint; this model has none." in lines(
        options
    )
    broken = dataclasses.replace(MERGED, problem="model.safetensors is cut short")
    [option] = [one for one in backend_options(model(broken), CHOICE, without, {}) if one.title == "merged_16bit"]
    assert option.why_not == "model.safetensors is cut short"


def test_an_answer_becomes_backend_format_and_the_shown_command() -> None:
    options = backend_options(model(MERGED, GGUF), CHOICE, known_backends(CHOICE), {})
    [gguf] = [option for option in options if isinstance(option, FormatOption) and option.backend == "files"]
    taken = gguf.taken(CHOICE, model(MERGED, GGUF))
    assert (taken.backend, taken.format, taken.server) == ("files", "m-Q4_K_M.gguf", None)
    assert "--format m-Q4_K_M.gguf" in command_line(taken)
    assert "--backend files" in command_line(taken)
    assert taken == dataclasses.replace(CHOICE, backend="files", format="m-Q4_K_M.gguf"), "nothing else is another"


def test_a_model_of_a_server_becomes_model_backend_and_server(tmp_path: Path) -> None:
    with library_server("qwen3:0.6b", EVIL) as url:
        found = ask_server(LIBRARY, tmp_path, Access(url), threading.Event())
    options = backend_options(model(MERGED), CHOICE, known_backends(CHOICE), {"library": found})
    served = [option for option in options if isinstance(option, FormatOption) and option.model is not None]
    assert served[0].title == "qwen3:0.6b"
    assert "\x1b" not in served[1].title
    assert served[0].beside == "98.0 MB"
    assert served[0].about == "Q4_1, digest 0b5e1118"
    before = dataclasses.replace(CHOICE, base="org/base", format="lora")
    taken = served[0].taken(before, model(MERGED))
    assert (taken.backend, taken.model, taken.server, taken.format) == ("library", "qwen3:0.6b", url, None)
    assert taken.base is None, "the base was said of another model"
    assert f"--server {url}" in command_line(taken)
    assert served[1].taken(CHOICE, None).model == EVIL, "the name as the server knows it"


def test_a_served_model_with_the_content_of_this_one_is_recommended_and_keeps_the_base() -> None:
    form = ModelFormat("served", Path("outputs/m"), served_name="m:latest")
    found = Served(None, (TrainedModel("m:latest", Path("outputs/m"), (form,)),))
    options = backend_options(model(GGUF), CHOICE, known_backends(CHOICE), {"library": found})
    [served] = [option for option in options if isinstance(option, FormatOption) and option.model is not None]
    assert served.recommended
    assert served.about == "The same as m."
    assert served.taken(dataclasses.replace(CHOICE, base="org/base"), model(GGUF)).base == "org/base"


def test_a_server_that_was_typed_later_is_not_where_the_chosen_model_is() -> None:
    form = ModelFormat("served", Path("outputs/m"), served_name="m:latest")
    chosen = dataclasses.replace(CHOICE, backend="library", model="m:latest", server="http://127.0.0.1:1")
    options = backend_options(model(form), chosen, known_backends(chosen), {"library": Served("nonsense", words="…")})
    [own] = [option for option in options if isinstance(option, FormatOption) and option.model is not None]
    assert own.taken(chosen, own.model).server == "http://127.0.0.1:1"
    assert own.about == ""


def test_the_backend_is_the_one_that_can_load_the_model() -> None:
    known = known_backends(CHOICE)
    assert with_backend_for(model(MERGED, GGUF), CHOICE, known) == CHOICE
    assert with_backend_for(model(GGUF), CHOICE, known).backend == "files"
    served = dataclasses.replace(CHOICE, backend="library", server="http://127.0.0.1:9")
    assert with_backend_for(model(MERGED), served, known) == CHOICE, "nor is a server asked for it"


def test_a_model_that_any_backend_loads_is_found(tmp_path: Path) -> None:
    place = tmp_path / "m" / "gguf"
    place.mkdir(parents=True)
    choice = Choice(outputs=tmp_path, model="m")
    with pytest.raises(BenchtuiError):
        usable_model(choice, "m", known_backends(CHOICE))
    gguf(place / "m-Q8_0.gguf")
    assert usable_model(choice, "m", known_backends(CHOICE)).name == "m"
    with pytest.raises(BenchtuiError, match="The hf backend loads"):
        usable_model(choice, "m", [one for one in known_backends(CHOICE) if one.backend is not FILES])


def test_a_server_of_very_many_models_keeps_the_list_readable(tmp_path: Path) -> None:
    with library_server(*(f"m{number}" for number in range(1_000))) as url:
        found = ask_server(LIBRARY, tmp_path, Access(url), threading.Event())
    options = backend_options(None, CHOICE, known_backends(CHOICE), {"library": found})
    assert len(options) < 220
    assert "# ||800 more: name one of them with --backend library --model NAME." in lines(options)


def test_a_folder_is_found_though_servers_are_asked_first(tmp_path: Path) -> None:
    gguf(tmp_path / "m" / "gguf" / "m-Q8_0.gguf")
    with library_server("m") as url:
        choice = Choice(outputs=tmp_path, backend="library", server=url)
        known = known_backends(choice)
        assert usable_model(choice, "m", known).formats[0].kind == "served", "as a run finds it"
        found = usable_model(choice, str(tmp_path / "m"), known)
        assert [form.kind for form in found.formats] == ["gguf"]
        assert with_backend_for(found, choice, known) == dataclasses.replace(choice, backend="files", server=None)
        with pytest.raises(BenchtuiError, match="The server has no model 'org/nobody'"):
            usable_model(choice, "org/nobody", known)


def test_a_server_that_says_nothing_is_left_after_a_while_or_when_nobody_waits(tmp_path: Path) -> None:
    with library_server("m", silent=20) as url:
        found = ask_server(LIBRARY, tmp_path, Access(url), threading.Event(), patience=0.2)
        assert (found.models, found.words) == ((), f"{url} does not answer within 0.2 s.")
        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        begun = time.monotonic()
        assert ask_server(LIBRARY, tmp_path, Access(url), stop).words == "No longer asked."
        assert time.monotonic() - begun < 4, "twenty seconds would be the server's"


def test_what_an_asked_server_lacks_is_said_in_one_line(tmp_path: Path) -> None:
    asked = ask_servers({"library": LIBRARY}, tmp_path, {"library": Access("http://127.0.0.1:9")}, threading.Event())
    assert asked["library"].words == "Nothing answers at http://127.0.0.1:9. → Start it with `library serve`."
    with library_server() as url:
        empty = ask_server(LIBRARY, tmp_path, Access(url), threading.Event())
        assert empty.words == "It answers, and has no model."
    with library_server("a", "b") as url:
        assert [served_name(one) for one in ask_server(LIBRARY, tmp_path, Access(url), threading.Event()).models] == [
            "a",
            "b",
        ]


def test_ollamas_models_say_their_digest_and_which_file_of_this_model_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their content: Ollama writes the files that it is given anew."""
    first = tensors(seed=1)
    file = write_gguf(tmp_path / "outputs" / "m" / "gguf" / "m-F32.gguf", first)
    rewritten = write_gguf(tmp_path / "rewritten.gguf", dict(reversed(first.items())))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fake = FakeOllama(lambda prompt: "")
    fake.digests = {"mine:latest": keep(tmp_path / "store", "mine", rewritten), "away:latest": "b" * 64}
    mine = model(ModelFormat("gguf", file))
    with serving(fake):
        access = Access(fake.url)
        found = ask_server(OLLAMA, tmp_path, access, threading.Event())
        told = with_facts(OLLAMA, found, mine, access)
    options = backend_options(mine, CHOICE, [KnownBackend(OLLAMA)], {"ollama": told})
    said = {option.title: option.about for option in options if isinstance(option, FormatOption)}
    digest = fake.digests["mine:latest"][:12]
    assert said["mine:latest"] == f"digest {digest}; the same content as m-F32.gguf"
    assert said["away:latest"] == "digest bbbbbbbbbbbb"
    gone = with_facts(OLLAMA, found, mine, Access("http://127.0.0.1:9"))
    assert (gone.models, gone.facts) == (found.models, {})
    assert "does not answer" in gone.words
