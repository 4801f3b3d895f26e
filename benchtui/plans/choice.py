"""What the user chose, from flags, environment and files: the plan before anything was looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.evidence.questions import Question
from benchtui.models.layout import TrainedModel
from benchtui.plans.plan import Permissions
from benchtui.plans.worker_python import worker_environment_of
from benchtui.settings.rows import OF_DATA, PERMISSIONS, SETTING, SETTINGS
from benchtui.settings.sampling import FLAGS, with_flags
from benchtui.settings.setting import Setting
from benchtui.tasks.data.spec import CountFrom, DataKind


def default_of(name: str, *, compare: bool = True) -> Any:
    """An attribute of a dataclass that is, where nobody says anything, what the row of the setting `name` says."""
    default = SETTING[name].default
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), compare=compare)
    return field(default=default, compare=compare)


@dataclass(frozen=True)
class Choice:
    """One `benchtui run`: which model against which base, on what, how.

    Its attributes are the settings of `settings/rows`, under the names that the rows give; `more` has the values of
    settings without an attribute, by their names with underscores: those of one backend, for example.
    `model` None is the newest one, `model_checkpoint` the weights that it is made of first; `tasks` replace `suite`
    when given. `data` are evaluated beside both: files of the user's own, or data sets of the Hub; from `prompt` to
    `fewshot_from` stands how they are read, for all of them. With `data`, the suite "none" is no suite. Without
    `compare`, `base` is only what an adapter is put on.
    `limit` and `num_fewshot` override every task's own (a `limit` of infinity: every document);
    `default_limit` and `default_num_fewshot` are used where a suite's task has none. `timeout` in seconds without a
    sign of life, None for none; `decide_early` is the difference in points that would not matter, None to evaluate
    every document, and `decide_delta` what that difference is once somebody asks for it; `decide_for` is what must be
    known before a task stops, `decide_loss` the loss in points that it may ask about; `seeds` are lm-eval's python,
    numpy, torch and few-shot seeds. `resume` None asks. `python` is what --python was given, None for nothing.
    `command` does the same when typed.
    """

    outputs: Path
    model: str | None = default_of("model")
    model_checkpoint: str | None = default_of("model-checkpoint")
    base: str | None = default_of("base")
    compare: bool = True
    rerun_base: bool = default_of("rerun-base")
    verify: bool = default_of("verify")
    backend: str = default_of("backend")
    server: str | None = default_of("server")
    python: str | None = default_of("python")
    format: str | None = default_of("format")
    suite: str = default_of("suite")
    tasks: tuple[str, ...] = default_of("tasks")
    include_paths: tuple[Path, ...] = default_of("include-path")
    data: tuple[str, ...] = default_of("data")
    prompt: str | None = default_of("prompt")
    answer: str | None = default_of("answer")
    choices: str | None = default_of("choices")
    data_kind: DataKind | None = default_of("data-kind")
    count_from: CountFrom = default_of("count-from")
    metrics: tuple[str, ...] = default_of("metric")
    data_split: str | None = default_of("data-split")
    data_sample: int | None = default_of("data-sample")
    data_sample_seed: int = default_of("data-sample-seed", compare=False)
    fewshot_from: str | None = default_of("fewshot-from")
    limit: float | None = default_of("limit")
    num_fewshot: int | None = default_of("num-fewshot")
    default_limit: float | None = default_of("default-limit")
    default_num_fewshot: int | None = default_of("default-num-fewshot")
    chat_template: str = default_of("chat-template")
    system_instruction: str | None = default_of("system-instruction")
    gen_kwargs: dict[str, Any] = default_of("gen-kwargs")
    repeats: int = default_of("repeats")
    enable_thinking: bool | None = default_of("enable-thinking")
    think_end_token: str | None = default_of("think-end-token")
    max_length: int | None = default_of("max-length")
    batch_size: int | Literal["auto"] = default_of("batch-size")
    dtype: str = default_of("dtype")
    device: str = default_of("device")
    workers: int | Literal["auto"] = default_of("workers")
    devices: str | None = default_of("devices")
    model_parallel: int | Literal["auto"] | None = default_of("model-parallel")
    models_at_once: int | Literal["auto"] = default_of("models-at-once")
    cluster: str | None = default_of("cluster")
    model_args: dict[str, Any] = default_of("model-args")
    seeds: tuple[int, int, int, int] = default_of("seed")
    decide_early: float | None = None
    decide_delta: float = default_of("decide-delta", compare=False)
    decide_loss: float = default_of("decide-loss", compare=False)
    decide_for: tuple[Question, ...] = default_of("decide-for", compare=False)
    timeout: float | None = default_of("timeout")
    skip_stalled: bool = default_of("skip-stalled")
    offline: bool = default_of("offline")
    permissions: Permissions = field(default_factory=Permissions)
    resume: bool | None = default_of("resume")
    detach: bool = default_of("detach")
    json: bool = default_of("json")
    readme: bool = True
    more: Mapping[str, Any] = field(default_factory=lambda: {setting.field: setting.default for setting in _MORE})
    command: tuple[str, ...] = ()

    @property
    def planned_device(self) -> str:
        """What a plan says of the device: what --devices names is one kind of them, whichever they are."""
        if self.devices is None or self.device != "auto":
            return self.device
        return self.devices if self.devices in ("auto", "cpu") else "cuda"


_ATTRIBUTES = frozenset(attribute.name for attribute in fields(Choice))
_DIRECT = tuple(setting for setting in SETTINGS if setting.field in _ATTRIBUTES)
"""Settings whose value is an attribute of its own."""
_MORE: tuple[Setting, ...] = tuple(
    setting for setting in SETTINGS if setting.field and setting.field not in _ATTRIBUTES
)
"""Settings whose value is in `more`."""


def backend_settings(choice: Choice, backend: Backend) -> dict[str, str]:
    """Return the values of the settings that only `backend` has and that can change a score, by their names."""
    return _own_settings(choice, backend, scores=True)


def backend_options(choice: Choice, backend: Backend) -> dict[str, str]:
    """Return the values of the settings that only `backend` has and that cannot change a score, by their names."""
    return _own_settings(choice, backend, scores=False)


def _own_settings(choice: Choice, backend: Backend, *, scores: bool) -> dict[str, str]:
    values = settings_of(choice)
    return {
        own.name: values.get(own.name.replace("-", "_"), own.default)
        for own in backend.settings
        if own.scores is scores
    }


def access_of(choice: Choice, backend: Backend) -> Access:
    """Return what models are reached with. Raises UsageError where --python names no program."""
    own = backend_settings(choice, backend) | backend_options(choice, backend)
    environment = worker_environment_of(choice.python, backend.name)
    return Access(choice.server, own, choice.offline, choice.permissions.pickle, environment)


def choice_of(values: Mapping[str, Any]) -> Choice:
    """The Choice for the values of all settings, by their names with underscores."""
    compare = not values["no_base"]
    if not any(values[name] for name in OF_DATA):
        values = {**values, **{row.parameter: row.default for row in SETTINGS if row.only_with == OF_DATA}}
    early = values["decide_early"] and compare
    direct = {setting.field: values[setting.parameter] for setting in _DIRECT}
    generation = with_flags(direct.pop("gen_kwargs"), {name: values[name] for name in FLAGS})
    return Choice(
        **direct,
        gen_kwargs=generation,
        more={setting.field: values[setting.parameter] for setting in _MORE},
        base=values["base"] or values["adapter_base"],
        compare=compare,
        decide_early=values["decide_delta"] if early else None,
        decide_delta=values["decide_delta"],
        permissions=permissions_of(values),
        readme=not values["no_readme"],
    )


def settings_of(choice: Choice) -> dict[str, Any]:
    """The values of all settings that make `choice`: choice_of the other way round."""
    early = choice.decide_early if choice.compare else None
    return {
        **{setting.parameter: getattr(choice, setting.field) for setting in _DIRECT},
        **{setting.parameter: choice.more.get(setting.field, setting.default) for setting in _MORE},
        **{row.parameter: getattr(choice.permissions, row.permission) for row in PERMISSIONS},
        "base": choice.base if choice.compare else None,
        "no_base": not choice.compare,
        "adapter_base": None if choice.compare else choice.base,
        "decide_early": early is not None,
        "decide_delta": choice.decide_delta if early is None else early,
        "no_readme": not choice.readme,
        **dict.fromkeys(FLAGS),  # they are in gen_kwargs
    }


def permissions_of(values: Mapping[str, Any]) -> Permissions:
    """What is allowed, from the values of settings by their names with underscores."""
    return Permissions(**{row.permission: values[row.parameter] for row in PERMISSIONS})


def model_named(choice: Choice, name: str) -> str:
    """How --model names the model folder `name`: its path where the name alone says something else."""
    return str(choice.outputs / name) if name.strip().lower() in ("newest", "all") else name


def says_model(choice: Choice, model: TrainedModel) -> bool:
    """Whether what `choice` says of base and format was said of `model`: of every model, or of this one."""
    return choice.model in (None, "all") or Path(str(choice.model)).name in (model.name, model.path.name)
