"""Open a chat from a program; importing this is cheap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.plans.choice import Choice
from benchtui.routing.records import Sampling

if TYPE_CHECKING:
    from benchtui.chat.asking import ScriptedChat


def open_chat(
    models: Sequence[str | Path],
    *,
    outputs: str | Path = Path("outputs"),
    system: str | None = None,
    max_new_tokens: int = 1024,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    stop: Sequence[str] = (),
    seed: int = 1234,
    say: Callable[[str], None] | None = None,
    **settings: Any,
) -> ScriptedChat:
    """Open a chat with one to four models that answer the same messages, as `benchtui chat` does.

    `models` are named as for `compare_tokens`; they are loaded in one worker process, an adapter and its base on the
    same weights. `settings` are those of `benchtui chat` that say how models are loaded, under the same names. What the
    user should know is printed on stderr, or given to `say`. Raises BenchtuiError naming the model and what would help,
    TypeError for a setting that there is not.

        with benchtui.api.open_chat(["base", "my-model"]) as chat:
            for answer in chat.ask("Who wrote Faust?"):
                print(answer.model, answer.text)
    """
    from benchtui.chat.asking import ScriptedChat
    from benchtui.chat.start import start_chat
    from benchtui.plans.chat_choice import ChatChoice
    from benchtui.settings.rows import NO_SUITE

    seeds = (0, seed, seed, seed)
    shared = Choice(Path(outputs), suite=NO_SUITE, compare=False, seeds=seeds, **settings)
    sampling = Sampling(temperature, top_k, top_p, min_p, max_new_tokens, tuple(stop), seed)
    choice = ChatChoice(shared, tuple(str(model) for model in models), sampling=sampling, system=system)
    return ScriptedChat(start_chat(choice, say or partial(print, file=sys.stderr)))
