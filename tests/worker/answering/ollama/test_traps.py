"""What Ollama does in silence, and what is done about it: each test fails where its guard is taken out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from lm_eval.api.instance import Instance

from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.benchmark import PromptSettings
from benchtui.results.health import health_words
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.ollama import server as ollama_server
from benchtui.worker.answering.ollama.asking import options_of
from benchtui.worker.answering.protocol import ModelChangedError
from benchtui.worker.benchmark.answers.health import Asked, HealthCounter
from tests.worker.answering.ollama.asked import Watching, opened, plan_of, texts
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama

QUICK = Patience(first=0.01, longest=0.02, wait=2)


def echo(prompt: str) -> str:
    """The answer: the prompt's last two words."""
    return " " + " ".join(prompt.split()[-2:])


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with serving(FakeOllama(echo)) as server:
        assert isinstance(server, FakeOllama)
        yield server


def test_neither_defaults_nor_a_modelfile_decide_anything(fake: FakeOllama) -> None:
    fake.parameters = {"temperature": 1.5, "repeat_penalty": 1.3, "top_k": 7, "num_ctx": 1024, "num_predict": 1}
    found, _ = texts(fake, ["one two three"])
    assert found == ["two three"] or found == [" two three"]
    assert {tuple(sorted(body["options"])) for body in fake.bodies()} == {
        ("frequency_penalty", "min_p", "mirostat", "num_ctx", "num_predict", "presence_penalty", "repeat_last_n",
         "repeat_penalty", "seed", "stop", "temperature", "top_k", "top_p", "typical_p")
    }  # fmt: skip


def test_stop_strings_of_a_modelfile_cut_no_answer(fake: FakeOllama) -> None:
    fake.parameters = {"stop": ["two", "<|x|>"]}
    found, _ = texts(fake, ["one two three"], until=["four"])
    assert found == [" two three"]
    assert fake.bodies()[-1]["options"]["stop"] == ["four"]


def test_no_limit_of_a_task_is_never_sent_as_none_at_all(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: " x y" * 30
    found, watching = texts(fake, ["one"], max_gen_toks=1)
    assert found == [" x"]
    assert watching.facts == [AnswerFacts(1, 0, 1, True)]
    assert all(body["options"]["num_predict"] >= 1 for body in fake.bodies())


def test_a_prompt_that_is_too_long_is_told_and_never_cut(fake: FakeOllama) -> None:
    long = "word " * 70
    found, watching = texts(fake, ["one two", long, "three four"])
    assert found == [" one two", "", " three four"]
    assert watching.lost == [(long, "the prompt has 70 tokens, num_ctx is 64")]
    assert all(body["truncate"] is False for body in fake.bodies())


def test_a_full_context_ends_an_answer_and_is_not_pushed_out(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: "".join(f" w{number}" for number in range(100))
    plan = plan_of(fake.url, PromptSettings(max_length=16))
    found, watching = texts(fake, ["a b c d e f g h i j k l"], plan, max_gen_toks=10)
    assert found == [" w0 w1 w2 w3"]
    assert watching.facts == [AnswerFacts(12, 0, 4, True, window_full=True)]
    assert all(body["shift"] is False for body in fake.bodies())


def test_one_context_for_the_whole_run(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: " x"
    texts(fake, ["a " * length for length in range(1, 40)])
    assert fake.loads == 1
    assert {body["options"]["num_ctx"] for _, body in fake.requests if body.get("options")} == {64}


def test_a_smaller_context_than_was_asked_is_refused(fake: FakeOllama) -> None:
    fake.window = 32
    with pytest.raises(BenchtuiError, match=r"a context of 32 tokens; 64 were asked") as error:
        texts(fake, ["one"])
    assert error.value.next_step == "Use --max-length 32 or less."


def test_a_model_that_is_loaded_again_is_told(fake: FakeOllama) -> None:
    def evict(path: str, body: dict[str, Any]) -> None:
        if str(body.get("prompt")) in ("three", "five"):
            fake.loaded = ("other:latest", 4096)

    fake.fault = evict
    found, watching = texts(fake, ["one", "two", "three", "four", "five"], plan_of(fake.url, PromptSettings()))
    assert found == [" one", " two", " three", " four", " five"]
    assert watching.told == [("loads of the model", "1"), ("loads of the model", "2")]


def test_thinking_is_forbidden_unless_it_is_asked_for(fake: FakeOllama) -> None:
    fake.thinks, fake.thoughts = True, "hmm " * 20
    found, _ = texts(fake, ["one"], plan_of(fake.url, endpoint="chat"))
    assert found == [" one <assistant>"]
    assert fake.bodies("/api/chat")[-1]["think"] is False


def test_prompts_are_sent_as_they_are(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: f" [{prompt}]"
    found, _ = texts(fake, ["<|im_start|>user\nHi<|im_end|>"], until=["§"])
    assert found == [" [<|im_start|>user\nHi<|im_end|>]"]
    assert all(body["raw"] is True for body in fake.bodies())


def test_answers_of_the_guard_are_none_and_void_no_other(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: " la" * 40 if prompt == "sing" else " x"
    found, watching = texts(fake, ["one", "sing", "two"], max_gen_toks=60 - 8)
    assert found == [" x", "", " x"]
    assert watching.lost == [("sing", "Ollama's repetition guard ended the answer")]
    assert len([body for body in fake.bodies() if body["prompt"] == "sing"]) == 1, "asking again changes nothing"


def test_a_stream_that_ends_early_is_asked_again(fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_server, "PATIENCE", QUICK)
    left, whole = [2], fake.written

    def cut(*asked: Any) -> list[dict[str, Any]]:
        if asked[0] == "one two three" and left[0]:
            left[0] -= 1
            return whole(*asked)[:1]
        return whole(*asked)

    fake.written = cut  # type: ignore[method-assign]
    found, watching = texts(fake, ["one two three"])
    assert found == [" two three"]
    assert watching.lost == []


@pytest.mark.parametrize(
    "wrong",
    [
        (500, {"error": "llama runner process has terminated: exit status 2"}),
        (200, {"error": "an error was encountered while running the model: unexpected EOF"}),
    ],
)
def test_the_servers_own_failures_are_tried_three_times(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch, wrong: tuple[int, Any]
) -> None:
    monkeypatch.setattr(ollama_server, "PATIENCE", QUICK)
    fake.fault = lambda path, body: wrong if body.get("prompt") == "two" else None
    found, watching = texts(fake, ["one", "two", "three"])
    assert found == [" one", "", " three"]
    ((lost, why),) = watching.lost
    assert lost == "two"
    assert why.endswith("after 3 tries")


def test_an_option_of_the_wrong_type_is_refused_once(fake: FakeOllama) -> None:
    fake.fault = lambda path, body: (
        (500, {"error": 'option "num_predict" must be of type integer'}) if body.get("prompt") == "two" else None
    )
    with pytest.raises(BenchtuiError, match='option "num_predict" must be of type integer'):
        texts(fake, ["two"])
    assert len([body for body in fake.bodies() if body["prompt"] == "two"]) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_ctx": 4096}, "num_ctx cannot be set with --gen-kwargs"),
        ({"num_predict": 5}, "num_predict cannot be set"),
        ({"stop": ["x"]}, "stop cannot be set"),
        ({"tempreature": 1}, "does not know the generation setting tempreature"),
        ({"do_sample": True, "temperature": "hot"}, "temperature must be a number"),
        ({"num_beams": 4}, "no beam search"),
    ],
)
def test_settings_that_would_be_ignored_in_silence_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        options_of(settings)


def test_sampling_is_what_the_task_says_and_nothing_else() -> None:
    asked = options_of({"do_sample": True, "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.2})
    assert (asked["temperature"], asked["top_p"], asked["top_k"], asked["repeat_penalty"]) == (0.7, 0.9, 50, 1.2)
    greedy = options_of({"do_sample": False, "temperature": 0.7, "top_k": 50, "top_p": 0.5})
    assert (greedy["temperature"], greedy["top_k"], greedy["top_p"]) == (0, 1, 1)
    nothing = dict.fromkeys(("temperature", "top_p", "top_k", "repetition_penalty", "num_ctx"))
    assert options_of({**nothing, "do_sample": True}) == options_of({"do_sample": True})
    assert options_of({"do_sample": None, "temperature": 0.7})["temperature"] == 0.7, "as lm-eval reads it"


def test_an_empty_prompt_is_not_taken_for_an_answer(fake: FakeOllama) -> None:
    found, watching = texts(fake, ["", "one"])
    assert found == ["", " one"]
    assert watching.lost == [("", "Ollama takes an empty prompt for the wish to load the model")]


def test_another_model_of_the_same_name_voids_the_task(fake: FakeOllama) -> None:
    plan = plan_of(fake.url)
    with opened(plan) as answering:
        LmEvalModel(answering, plan.prompts)
        answering.check_same()
        fake.digests["fake:latest"] = "b" * 64
        with pytest.raises(ModelChangedError, match="is another model than at the start"):
            answering.check_same()
        fake.digests = {"other:latest": "a" * 64}
        with pytest.raises(ModelChangedError, match="still has the same fake:latest is not known"):
            answering.check_same()
    fake.digests = {"fake:latest": "b" * 64}
    with pytest.raises(BenchtuiError, match="is another model than the plan names"), opened(plan):
        pass


def test_greedy_answers_that_differ_are_told(fake: FakeOllama) -> None:
    times: list[str] = []

    def unsteady(prompt: str) -> str:
        times.append(prompt)
        return f" {len(times)}"

    fake.answer = unsteady
    with opened(plan_of(fake.url)) as answering:
        (caveat,) = answering.facts.caveats
    assert "two different greedy answers" in caveat


def test_stops_are_kept_from_a_model_that_thinks(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: " Question: how? </think> Four. Question: next"
    plan = plan_of(fake.url, PromptSettings(max_length=64, think_end_token="</think>"))
    found, _ = texts(fake, ["one"], plan, until=["Question:"], max_gen_toks=32)
    assert found == ["Four. "]
    assert fake.bodies()[-1]["options"]["stop"] == []


def test_a_busy_server_is_waited_for_and_uses_up_no_tries(fake: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_server, "PATIENCE", QUICK)
    refused: list[str] = []

    def busy(path: str, body: dict[str, Any]) -> tuple[int, Any] | None:
        prompt = str(body.get("prompt"))
        if fake.now > 2 or (prompt.startswith("q") and len(refused) < 12):
            refused.append(prompt)
            return 503, {"error": "server busy, please try again. maximum pending requests exceeded"}
        return None

    fake.fault = busy
    prompts = ["q" + " w" * length for length in range(1, 40)] + [f"z {number}" for number in range(21)]
    found, watching = texts(fake, prompts)
    assert found == [echo(prompt) for prompt in prompts]
    assert watching.lost == []
    assert len(refused) >= 12
    assert fake.loads == 1


def test_never_more_at_once_than_chosen(fake: FakeOllama) -> None:
    together: list[int] = []
    met = threading.Barrier(4)

    def meet(path: str, body: dict[str, Any]) -> None:
        if str(body.get("prompt")).startswith("q"):
            met.wait(20)  # four are here at once …
            time.sleep(0.05)  # … and a fifth one would come now
            together.append(fake.now)

    fake.fault = meet
    prompts = [f"q {number}" for number in range(12)]
    found, _ = texts(fake, prompts)
    assert found == [echo(prompt) for prompt in prompts]
    assert max(together) == fake.most == 4


def test_a_connection_that_breaks_is_made_again_and_the_model_looked_at(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_server, "PATIENCE", QUICK)
    fake.hang_up_at = {"two three"}
    found, watching = texts(fake, ["one", "two three", "four"])
    assert found == [" one", " two three", " four"]
    assert watching.lost == []
    plan = plan_of(fake.url)
    with opened(plan) as answering:
        fake.hang_up_at, fake.digests = {"five"}, {"fake:latest": "b" * 64}
        request = Instance("generate_until", {}, ("five", {"until": ["\n"], "max_gen_toks": 4}), 0)
        with pytest.raises(ModelChangedError, match="is another model than at the start"):
            LmEvalModel(answering, plan.prompts, Watching()).generate_until([request], disable_tqdm=True)


def test_lines_end_at_newlines_alone(fake: FakeOllama) -> None:
    fake.answer = lambda prompt: " a\u2028b c\u0085d \u2029e"
    found, _ = texts(fake, ["one"])
    assert found == [" a\u2028b c\u0085d \u2029e"]


def test_arguments_that_mean_nothing_here_are_refused_by_name(fake: FakeOllama) -> None:
    with pytest.raises(BenchtuiError, match="no model argument temperature") as error:
        texts(fake, ["one"], plan_of(fake.url, PromptSettings(model_args={"temperature": 0.7})))
    assert "--gen-kwargs" in error.value.next_step


def test_everything_that_is_set_stands_where_ollama_reads_it(fake: FakeOllama) -> None:
    texts(fake, ["one"], do_sample=True, temperature=0.5, top_p=0.8)
    body = fake.bodies()[-1]
    assert set(body) == {"model", "stream", "truncate", "shift", "think", "keep_alive", "options", "prompt", "raw"}
    assert (body["options"]["temperature"], body["options"]["top_p"]) == (0.5, 0.8)


def test_cut_while_thinking_and_a_full_context_have_words_of_their_own(fake: FakeOllama) -> None:
    fake.thinks, fake.thoughts = True, " ".join(f"hmm{number}" for number in range(200))
    prompts = PromptSettings(max_length=64, enable_thinking=True, think_end_token="</think>")
    plan = plan_of(fake.url, prompts, endpoint="chat")
    cut, *more = words_of(texts(fake, ["one"], plan, max_gen_toks=32))
    assert cut.startswith("1 of 1 answer was cut at 32 tokens")
    assert more == [
        "1 of 1 answer was empty",
        "1 of 1 answer was cut while thinking: nothing of the answer itself was written",
    ]
    assert fake.bodies("/api/chat")[-1]["think"] is True
    full = words_of(texts(fake, ["one " * 50], plan, max_gen_toks=32))
    assert "1 of 1 answer was cut because the model's window was full (--max-length)" in full
    assert not [words for words in full if "thinking" in words]


def words_of(asked: tuple[list[str], Watching]) -> list[str]:
    """What stands beside the score of these answers."""
    found, watching = asked
    counter = HealthCounter()
    for text, facts in zip(found, watching.facts, strict=True):
        counter.count([Asked("generate_until", ("prompt", {}), text, facts)], choices=False)
    return health_words(counter.health())


def test_base_and_tuned_model_in_turn_answer_as_each_does_alone(fake: FakeOllama) -> None:
    fake.digests = {"base:latest": "b" * 64, "tuned:latest": "c" * 64}
    whole = fake.written
    fake.written = lambda prompt, body, *more: whole(f"{prompt} {body['model']}", body, *more)  # type: ignore[method-assign]
    answers = [texts(fake, ["one two"], plan_of(fake.url, name=name))[0] for name in ("base", "tuned", "base")]
    assert answers == [[" two base"], [" two tuned"], [" two base"]]
    assert fake.loads == 3


def test_an_error_is_never_an_answer(fake: FakeOllama) -> None:
    for status in (400, 413):
        refused = status, {"error": "4"}
        fake.fault = lambda path, body, refused=refused: refused if body.get("prompt") == "two" else None
        with pytest.raises(BenchtuiError, match=rf"refuses what it is asked of fake:latest \(HTTP {status}\): 4"):
            texts(fake, ["two"])


def test_the_time_to_the_first_piece_is_told(fake: FakeOllama) -> None:
    class Timed(Watching):
        firsts: ClassVar[list[float]] = []

        def first_token(self, seconds: float) -> None:
            self.firsts.append(seconds)

    plan = plan_of(fake.url)
    with opened(plan) as answering:
        request = Instance("generate_until", {}, ("one", {"until": ["\n"], "max_gen_toks": 4}), 0)
        LmEvalModel(answering, plan.prompts, Timed()).generate_until([request], disable_tqdm=True)
    assert [0 < seconds < 20 for seconds in Timed.firsts] == [True]
