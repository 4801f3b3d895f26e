"""A context that a server's window does not hold is cut by lm-eval's rule to what the server takes, by any way to score
it, and is not refused; a plan that asks for more is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from benchtui.backends.servers import look
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.openai.open import open_model
from tests.backends.test_openai_scores import byte_tokenizer
from tests.worker.answering.openai.fake import CORPUS, Asked, Fake, Reply, loglikelihood
from tests.worker.answering.openai.llama_asking import Told
from tests.worker.answering.openai.test_sglang_scores import ROUTE, Sglang
from tests.worker.answering.openai.test_vllm_scores import Older, Vllm

WINDOW = 192
LONG = CORPUS[:250] + "The capital of Italy is"
ENDINGS = (" ", " Rome")


class TakesLess(Sglang):
    """Refuses from max_req_input_len tokens on, as SGLang's scheduler does."""

    routes = (*Sglang.routes, "/server_info")
    taken = 170

    def fault(self, asked: Asked) -> Reply | None:
        return Reply(body={"version": "0.5.23", "max_req_input_len": self.taken}) if asked.path[1:5] == "serv" else None

    def generated(self, body: dict[str, Any]) -> Reply:
        if len(body["input_ids"]) >= self.taken:
            return Reply(400, {"error": {"message": f"longer than the model's context length ({self.taken})"}})
        return super().generated(body)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_tokenizer(tmp_path_factory.mktemp("window") / "tokenizer")


@pytest.mark.parametrize(
    ("fake", "window", "asked"),
    [
        (Fake, WINDOW - 2, None),
        (Vllm, WINDOW - 2, 4096),
        (Older, WINDOW - 2, 64),
        (TakesLess, TakesLess.taken - 2, None),
        (TakesLess, TakesLess.taken - 2, 4096),
    ],
)
def test_a_context_is_cut_to_what_the_server_takes(
    fake: type[Fake], window: int, asked: int | None, tokenizer: Path
) -> None:
    with fake() as server:
        server.window = WINDOW
        facts = look(server.url)
        model = facts.models[0]
        plan = BenchmarkPlan(
            model_name="m", bench_id="", created="", role="model", tasks=(), backend="openai",
            prompts=PromptSettings(max_length=asked), backend_settings={"tokenizer": str(tokenizer)},
            source=ServedSource(model.name, model.identity, server=server.url, product=facts.product),
        )  # fmt: skip
        told = Told()
        answering = open_model(plan, told, 1.0)  # type: ignore[arg-type]
        read = min(asked or window, window)
        lm = LmEvalModel(answering, plan.prompts)
        try:
            requests = [Instance("loglikelihood", {}, (LONG, ending), 0) for ending in ENDINGS]
            found = [score for score, _ in lm.loglikelihood(requests, disable_tqdm=True)]
        finally:
            answering.close()
        kept = [LONG[len(LONG) - (read - len(ending) + 1) :] for ending in ENDINGS]
        assert found == pytest.approx(
            [loglikelihood(context, ending) for context, ending in zip(kept, ENDINGS, strict=True)], abs=1e-9
        )
        lengths = [len(body["prompt"]) for body in server.bodies() if isinstance(body["prompt"], list)]
        lengths += [len(body["input_ids"]) for body in server.bodies(ROUTE)]
        assert read in {length - extra for length in lengths for extra in (0, 1)}
        assert ("were used, not 4096" in " ".join(answering.facts.caveats)) is (asked == 4096)
