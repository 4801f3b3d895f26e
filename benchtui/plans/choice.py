"""What the user chose, from flags, environment and files: the plan before anything was looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchtui.backends.registry import DEFAULT_BACKEND
from benchtui.evidence.questions import Question
from benchtui.models.layout import TrainedModel
from benchtui.plans.plan import Permissions
from benchtui.settings.rows import DECIDE_FOR, DEFAULT_SEEDS, MAX_LOSS, SAME_WITHIN, SETTINGS

ChatTemplate = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Choice:
    """One `benchtui run`: which model against which base, on what, how.

    Its attributes are the settings of `settings/rows`, under the names that the rows give.
    `model` None is the newest one; `tasks` replace `suite` when given. Without `compare`, `base` is only what an
    adapter is put on. `limit` and `num_fewshot` override every task's own (a `limit` of infinity: every document);
    `default_limit` and `default_num_fewshot` are used where a suite's task has none. `timeout` in seconds without a
    sign of life, None for none; `decide_early` is the difference in points that would not matter, None to evaluate
    every document, and `decide_delta` what that difference is once somebody asks for it; `decide_for` is what must be
    known before a task stops, `decide_loss` the loss in points that it may ask about; `seeds` are lm-eval's python,
    numpy, torch and few-shot seeds. `resume` None asks. `command` does the same when typed.
    """

    outputs: Path
    model: str | None = None
    base: str | None = None
    compare: bool = True
    rerun_base: bool = False
    verify: bool = False
    backend: str = DEFAULT_BACKEND
    engine: str = "fast"
    format: str | None = None
    suite: str = "quick"
    tasks: tuple[str, ...] = ()
    include_paths: tuple[Path, ...] = ()
    limit: float | None = None
    num_fewshot: int | None = None
    default_limit: float | None = None
    default_num_fewshot: int | None = None
    chat_template: ChatTemplate = "auto"
    system_instruction: str | None = None
    gen_kwargs: dict[str, Any] = field(default_factory=dict)
    enable_thinking: bool | None = None
    think_end_token: str | None = None
    max_length: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    dtype: str = "auto"
    device: str = "auto"
    model_args: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, int, int, int] = DEFAULT_SEEDS
    decide_early: float | None = None
    decide_delta: float = field(default=SAME_WITHIN, compare=False)
    decide_loss: float = field(default=MAX_LOSS, compare=False)
    decide_for: tuple[Question, ...] = field(default=DECIDE_FOR, compare=False)
    timeout: float | None = None
    skip_stalled: bool = False
    offline: bool = False
    permissions: Permissions = field(default_factory=Permissions)
    resume: bool | None = None
    detach: bool = False
    json: bool = False
    readme: bool = True
    command: tuple[str, ...] = ()


def choice_of(values: Mapping[str, Any]) -> Choice:
    """The Choice for the values of all settings, by their names with underscores."""
    compare = not values["no_base"]
    early = values["decide_early"] and compare
    return Choice(
        **{setting.field: values[setting.parameter] for setting in SETTINGS if setting.field},
        base=values["base"] or values["adapter_base"],
        compare=compare,
        decide_early=values["decide_delta"] if early else None,
        decide_delta=values["decide_delta"],
        permissions=Permissions(
            remote_code=values["trust_remote_code"],
            pickle=values["allow_pickle"],
            unsafe_code=values["confirm_unsafe_code"],
        ),
        readme=not values["no_readme"],
    )


def settings_of(choice: Choice) -> dict[str, Any]:
    """The values of all settings that make `choice`: choice_of the other way round."""
    early = choice.decide_early if choice.compare else None
    values = {setting.parameter: getattr(choice, setting.field) for setting in SETTINGS if setting.field}
    return values | {
        "base": choice.base if choice.compare else None,
        "no_base": not choice.compare,
        "adapter_base": None if choice.compare else choice.base,
        "decide_early": early is not None,
        "decide_delta": choice.decide_delta if early is None else early,
        "trust_remote_code": choice.permissions.remote_code,
        "allow_pickle": choice.permissions.pickle,
        "confirm_unsafe_code": choice.permissions.unsafe_code,
        "no_readme": not choice.readme,
    }


def model_named(choice: Choice, name: str) -> str:
    """How --model names the model folder `name`: its path where the name alone says something else."""
    return str(choice.outputs / name) if name.strip().lower() in ("newest", "all") else name


def says_model(choice: Choice, model: TrainedModel) -> bool:
    """Whether what `choice` says of base and format was said of `model`: of every model, or of this one."""
    return choice.model in (None, "all") or Path(str(choice.model)).name in (model.name, model.path.name)
