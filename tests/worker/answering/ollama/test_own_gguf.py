"""Log-likelihoods of an Ollama model are those of its own file, once greedy answers have shown that it is the one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lm_eval.api.instance import Instance

from benchtui.backends.access import Access
from benchtui.backends.ollama import OLLAMA
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.ollama.agreement import Agreement
from tests.worker import tiny_models
from tests.worker.answering.ollama.double import serving

if TYPE_CHECKING:
    from tests.worker.answering.ollama.gguf_fake import GgufFake

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]

TEMPLATE = "{{ bos_token }}{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{% endfor %}"
PAIRS = [("the quick brown fox", " jumps over the lazy dog"), ("the quick brown fox", " all day"), ("", " in the sun")]
PROMPTS = ["the quick brown", "counts to ten", "in the warm sun all"]
WINDOW = 96


@pytest.fixture(scope="module")
def file(llama_cpp: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.worker.answering.gguf.files import write_gguf

    folder = tmp_path_factory.mktemp("ollama")
    return write_gguf(tiny_models.make_base(folder / "tiny"), folder / "tiny.gguf", chat_template=TEMPLATE)


@pytest.fixture(scope="module")
def other(file: Path) -> Path:
    """Other weights under the same tokenizer."""
    from tests.worker.answering.gguf.files import write_gguf

    folder = tiny_models.make_base(file.parent / "other", num_hidden_layers=1)
    return write_gguf(folder, file.parent / "other.gguf", chat_template=TEMPLATE)


@pytest.fixture
def store(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    return tmp_path


@pytest.fixture
def fake(file: Path, store: Path) -> Iterator[GgufFake]:
    from tests.worker.answering.ollama.gguf_fake import GgufFake, keep

    server = GgufFake(file, keep(store, file))
    with serving(server):
        yield server


def plan_of(fake: GgufFake, **settings: str) -> BenchmarkPlan:
    """As a run of this model is planned."""
    access = Access(fake.url, {"endpoint": "completions", **settings})
    described = OLLAMA.describe("tiny", access)
    source = OLLAMA.source(None, described, None, access)
    assert isinstance(source, ServedSource)
    prompts = PromptSettings(max_length=WINDOW, chat_template=described.template.text)
    return BenchmarkPlan(
        model_name="m", bench_id="", created="", role="model", source=source, tasks=(), prompts=prompts,
        backend="ollama", backend_settings=settings, backend_options={"request-timeout": "60"},
    )  # fmt: skip


def opened(plan: BenchmarkPlan) -> LmEvalModel:
    from benchtui.worker.answering.ollama.open import open_model
    from tests.worker.answering.gguf.files import Told

    return LmEvalModel(open_model(plan, Told(), 1.0), plan.prompts)  # type: ignore[arg-type]


def likelihoods(model: LmEvalModel) -> list[tuple[float, bool]]:
    asked = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(PAIRS)]
    return model.loglikelihood(asked, disable_tqdm=True)


def texts(model: LmEvalModel) -> list[str]:
    settings = {"until": ["\n\n"], "max_gen_toks": 12, "do_sample": False}
    asked = [Instance("generate_until", {}, (prompt, settings), 0) for prompt in PROMPTS]
    return model.generate_until(asked, disable_tqdm=True)


def test_log_likelihoods_are_those_of_the_file(fake: GgufFake, file: Path) -> None:
    from tests.worker.answering.gguf.files import for_lm_eval, open_gguf

    plan = plan_of(fake)
    served = opened(plan)
    served.answering.check_tasks(loglikelihood=True)
    directly = for_lm_eval(open_gguf(file, plan.prompts, {}), plan.prompts)
    assert likelihoods(served) == likelihoods(directly)
    asked = [Instance("loglikelihood_rolling", {}, ("the lazy dog " * 40,), 0)]
    assert served.loglikelihood_rolling(asked, disable_tqdm=True) == directly.loglikelihood_rolling(asked, True)
    assert texts(served) == texts(directly)
    own = opened(plan_of(fake, **{"read-gguf": "on"}))
    before = len(fake.bodies())
    own.answering.check_tasks(loglikelihood=False)
    checked = len(fake.bodies())
    assert checked > before, "it is compared with the server"
    assert texts(own) == texts(directly)
    assert len(fake.bodies()) == checked, "the server writes nothing"
    for model in (served, directly, own):
        model.answering.close()


def test_prompts_are_written_by_the_files_own_template_and_sent_raw(fake: GgufFake) -> None:
    model = opened(plan_of(fake))
    prompt = model.apply_chat_template([{"role": "user", "content": "the sun"}])
    assert prompt == "<s><user>the sun"
    settings = {"until": ["\n"], "max_gen_toks": 2, "do_sample": False}
    model.generate_until([Instance("generate_until", {}, (prompt, settings), 0)], disable_tqdm=True)
    assert fake.bodies()[-1]["prompt"] == "<s><user>the sun"
    assert fake.bodies()[-1]["raw"] is True
    model.answering.close()


def test_another_file_than_the_servers_is_refused(fake: GgufFake, other: Path, store: Path) -> None:
    from tests.worker.answering.ollama.gguf_fake import keep

    fake.digests = {"tiny:latest": keep(store, other)}  # the manifest names it, the server computes something else
    model = opened(plan_of(fake))
    with pytest.raises(BenchtuiError, match=r"The GGUF of tiny:latest answers otherwise here than at Ollama 0\.30\.1"):
        model.answering.check_tasks(loglikelihood=True)
    with pytest.raises(BenchtuiError, match="answers otherwise here"):
        likelihoods(model)
    model.answering.close()


def test_a_server_that_tells_no_log_probabilities_proves_nothing(fake: GgufFake) -> None:
    fake.told = False
    model = opened(plan_of(fake))
    with pytest.raises(BenchtuiError, match="it tells no log-probabilities to compare") as error:
        likelihoods(model)
    assert "0.12.11" in error.value.next_step
    model.answering.close()


def test_a_server_that_drafts_proves_nothing(fake: GgufFake) -> None:
    fake.drafts = True
    model = opened(plan_of(fake))
    with pytest.raises(BenchtuiError, match="each token was certain, as servers do that draft several at once"):
        likelihoods(model)
    model.answering.close()


def test_a_start_token_more_than_the_models_own_is_refused(fake: GgufFake, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchtui.worker.answering.ollama.own_gguf import OwnGguf

    closed: list[OwnGguf] = []
    close = OwnGguf.close
    monkeypatch.setattr(OwnGguf, "close", lambda own: closed.append(own) or close(own))  # type: ignore[func-returns-value]
    fake.more_tokens = 1
    with pytest.raises(BenchtuiError, match=r"Ollama reads \d+ tokens where the tokenizer of tiny:latest makes"):
        opened(plan_of(fake))
    assert len(closed) == 1, "the file is not left open"


def test_what_a_model_gives_and_why_not(fake: GgufFake, store: Path) -> None:
    access = Access(fake.url)
    assert OLLAMA.gives_of(OLLAMA.describe("tiny", access), access).loglikelihood
    chat = Access(fake.url, {"endpoint": "chat"})
    assert "--endpoint completions" in OLLAMA.gives_of(OLLAMA.describe("tiny", chat), chat).no_loglikelihood
    fake.digests = {"tiny:latest": "c" * 64}
    described = OLLAMA.describe("tiny", access)
    gives = OLLAMA.gives_of(described, access)
    assert not gives.can("loglikelihood")
    assert gives.can("generate")
    assert "is another model than the server's" in gives.no_loglikelihood
    assert "its own chat template, which is in its GGUF" in described.template.problem
    fake.remote = "https://ollama.com:443"
    with pytest.raises(BenchtuiError, match="what it is asked would leave the machine"):
        OLLAMA.describe("tiny", access)
    assert [form.problem for model in OLLAMA.list_models(store, access) for form in model.formats] == [
        "runs at https://ollama.com:443: what it is asked would leave the machine"
    ]


@pytest.mark.parametrize(
    ("agreement", "quantised", "words"),
    [
        (Agreement([0.01] * 50, [0.29]), True, ""),
        (Agreement([0.01] * 50, [0.29]), False, "another token where the likeliest two are 0.29 nats apart"),
        (Agreement([0.01] * 50, [0.31]), True, "0.31 nats apart"),
        (Agreement([0.01] * 50 + [1.2], []), True, "differs by 1.20 nats"),
        (Agreement([0.06] * 9, []), True, "differ by 0.06 nats (the median)"),
        (Agreement(), True, "tells no log-probabilities"),
        (Agreement([0.01] * 50, certain=1), True, "each token was certain"),
    ],
)
def test_the_bounds_of_agreement(agreement: Agreement, quantised: bool, words: str) -> None:
    found = agreement.problem(quantised=quantised)
    assert (words in found) if words else not found
