"""From what the user chose to run plans: models described, tasks resolved, prompts settled for both sides."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.backends.backend import Backend
from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.fit import check_fit
from benchtui.models.hub.cache import has_token
from benchtui.models.layout import ModelFormat, TrainedModel, TrainingFacts
from benchtui.models.reading import Unreadable
from benchtui.models.source import GgufSource, ServedSource, Source
from benchtui.models.tokenizer.chat_template import read_chat_template, read_special_tokens
from benchtui.models.tokenizer.check import check_tokenizer
from benchtui.models.verify import whole_digest, whole_gguf
from benchtui.models.weights.full_check import embedding_rows
from benchtui.plans.abilities import check_abilities
from benchtui.plans.base import check_other, wanted_base
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.chat_template import chat_template, check_room, check_template, differing_tokens, prompt_settings
from benchtui.plans.choice import Choice, access_of, backend_options, backend_settings
from benchtui.plans.generation_notes import generation_notes
from benchtui.plans.repeats import repeats_note
from benchtui.plans.tasks import PlannedTasks
from benchtui.plans.tokenizer import choose_form
from benchtui.settings.code import code_in_generation
from benchtui.tasks.needs import check_packages, needs_words
from benchtui.text import one_line, printable


@dataclass(frozen=True)
class PreparedBench:
    """Plans of one model: fine-tuned, and its base unless only the model itself is evaluated.

    `notes` are decisions the user should know of, a line each; `warnings` what is unusual about the models on disk.
    `loaded` is what a worker's weights take in memory at most, in bytes, as far as that is known.
    """

    model: TrainedModel
    fine_tuned: BenchmarkPlan
    base: BenchmarkPlan | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    loaded: int = 0


def prepare(choice: Choice, model: TrainedModel, tasks: PlannedTasks) -> PreparedBench:
    """Settle everything for one model. Raises BenchtuiError or UsageError naming what is missing and the next step."""
    backend = find_backend(choice.backend)
    backend.check(access_of(choice, backend))
    check_packages(tasks.resolved, access_of(choice, backend).environment)
    check_code(choice, backend)
    _check_name(model)
    form = choose_form(choice, model, backend)
    own = with_tokenizer_of(describe_model(form.location, choice, backend), form)
    check_abilities(backend, form, own, tasks.resolved, access_of(choice, backend))
    memory = backend.memory_note(
        own, access_of(choice, backend), choice.planned_device, choice.dtype, choice.max_length
    )
    stands_on_base = own.adapter or not own.has_tokenizer
    base_description, more = None, list[str]()
    if choice.compare or stands_on_base:
        base_description, more = _described_base(model, form, own, choice, backend)
    notes = [*tasks.notes, *needs_words(tasks.resolved, has_token=has_token()), form.note, own.note, memory, *more]
    if base_description is None:
        choice = dataclasses.replace(choice, compare=False, decide_early=None)
    fit = check_fit(own, base_description, form.tokenizer)
    notes += fit.notes
    warnings = (*own.warnings, *(base_description.warnings if base_description else ()), *fit.warnings)
    if own.from_cache or (base_description and base_description.from_cache):
        choice = dataclasses.replace(choice, offline=True)  # the hub was out of reach a moment ago: do not wait for it
    for description in (own, base_description):
        if description is not None:
            check_room(choice, tasks.resolved, description)
    chosen = chat_template(choice, own, base_description)
    notes.append(chosen.note)
    tokens = differing_tokens(chosen.template.text, own, base_description) if choice.compare else {}
    if tokens:
        notes.append(
            f"Chat template: the fine-tuned model's {' and '.join(tokens)} on both sides (the base's differs)."
        )
    notes += _generation_notes(own, base_description, choice)
    notes.append(repeats_note(choice, tasks.resolved))
    tokenizer = own if own.has_tokenizer or base_description is None else base_description
    most_shots = max((task.num_fewshot or 0 for task in tasks.plans), default=0)
    date = check_template(choice, chosen, dict(tokenizer.special_tokens) | tokens, shots=most_shots)
    if date:
        notes.append(f"Chat template: it writes the date; {date.replace('T', ' ')} is used throughout.")
    prompts = prompt_settings(choice, chosen, tokens, date)
    access = access_of(choice, backend)
    loaded = backend.loaded_bytes(own, base_description, choice.planned_device, choice.dtype)
    fine_tuned = backend.source(form, own, base_description if stands_on_base else None, access)
    if choice.verify:
        fine_tuned = read_whole(fine_tuned)
        notes.append(_bytes_note("model", fine_tuned))
    plan = _run_plan(choice, model, tasks, fine_tuned, prompts)
    plan = msgspec.structs.replace(plan, training=_as_record(model.training))
    if not choice.compare or base_description is None:
        return PreparedBench(model, plan, None, tuple(note for note in notes if note), warnings, loaded)
    base_source = backend.source(None, base_description, None, access)
    if choice.verify:
        base_source = read_whole(base_source)
        notes.append(_bytes_note("base", base_source))
    notes.append(_precision_note(fine_tuned, base_source))
    base_plan = _run_plan(choice, model, tasks, base_source, prompts, role="base")
    if choice.decide_early is not None:
        early, loss = choice.decide_early, choice.decide_loss if "loss" in choice.decide_for else 0.0
        plan = msgspec.structs.replace(plan, decide_early=early, decide_for=choice.decide_for, decide_loss=loss)
    return PreparedBench(model, plan, base_plan, tuple(note for note in notes if note), warnings, loaded)


def _check_name(model: TrainedModel) -> None:
    if str(model.path) != printable(str(model.path)):
        raise BenchtuiError(
            f"The name of the folder {printable(str(model.path))} holds characters that no record can.", "Rename it."
        )


def _described_base(
    model: TrainedModel, form: ModelFormat, own: ModelDescription, choice: Choice, backend: Backend
) -> tuple[ModelDescription | None, list[str]]:
    """Return the base where the backend can load one, and what the user should know of that."""
    wanted = wanted_base(model, form, choice, backend)
    if wanted.choice is None:
        return None, [wanted.note]
    base = describe_model(wanted.choice.name, choice, backend)
    check_other(own, base)
    return base, [wanted.note, base.note]


def loading_base(
    model: TrainedModel, form: ModelFormat, own: ModelDescription, choice: Choice, backend: Backend
) -> ModelDescription | None:
    """Return the base that `own` cannot be loaded without: that of an adapter, or of weights without a tokenizer; None
    where it needs none. Raises BenchtuiError where nothing names it."""
    if not own.adapter and own.has_tokenizer:
        return None
    wanted = wanted_base(model, form, choice, backend).choice
    return describe_model(wanted.name, choice, backend) if wanted else None


def check_code(choice: Choice, backend: Backend) -> None:
    """Raise UsageError for settings that would run code from a repository: they may stand in a benchtui.toml that came
    with the folder."""
    if choice.permissions.remote_code:
        return
    named = code_in_generation(choice.gen_kwargs) + [
        f"{name}={value}"
        for name, value in choice.model_args.items()
        if name == "attn_implementation" and not backend.is_harmless(name, value)
    ]
    if named:
        raise UsageError(
            f"{one_line(', '.join(named), 200)} would run code from a repository.",
            "If you trust it, allow that for this run with --trust-remote-code; or remove the setting.",
        )


def describe_model(location: str, choice: Choice, backend: Backend) -> ModelDescription:
    """Describe a model as the backend does. Raises BenchtuiError where code of its own is needed and not allowed."""
    described = backend.describe(location, access_of(choice, backend))
    if described.architecture.remote_code and not choice.permissions.remote_code:
        raise BenchtuiError(
            f"{one_line(location)} needs code from its own repository to be loaded.",
            "If you trust it, allow that for this run with --trust-remote-code.",
        )
    return described


def with_tokenizer_of(own: ModelDescription, form: ModelFormat) -> ModelDescription:
    """The description with what is prompted by: a tokenizer beside the weights brings its own chat template."""
    if form.tokenizer is None or form.tokenizer == form.path:
        return own
    try:
        template, tokens = read_chat_template(form.tokenizer), read_special_tokens(form.tokenizer)
    except Unreadable as error:
        raise BenchtuiError(f"{one_line(str(form.tokenizer), 200)} {error}.", "Save its tokenizer again.") from None
    template = dataclasses.replace(template, file=str(form.tokenizer / template.file))
    own = dataclasses.replace(own, template=template, special_tokens=tokens)
    if not form.tokenizer_identity or own.adapter:  # of an adapter that is looked at with its base
        return own
    fit = check_tokenizer(form.tokenizer, embedding_rows(own.tensors))
    if fit.problem:
        raise BenchtuiError(
            f"{one_line(str(form.tokenizer), 200)} does not fit {one_line(own.name, 200)}: {fit.problem}.",
            "Name another --tokenizer.",
        )
    return dataclasses.replace(own, has_tokenizer=True, warnings=(*own.warnings, *fit.warnings))


def read_whole(source: Source) -> Source:
    """`source` with a digest over every byte of its local folders; of a hub model its commit counts."""
    if isinstance(source, GgufSource):
        return msgspec.structs.replace(source, whole=whole_gguf([Path(place) for place in source.places]))
    if isinstance(source, ServedSource):
        return source  # its bytes are the server's: the digest that it tells is its identity
    parts = [
        whole_digest(Path(place)) if Path(place).is_absolute() else (source.revision or place)
        for place in source.places
    ]
    return msgspec.structs.replace(source, whole="+".join(parts))


def _generation_notes(own: ModelDescription, base: ModelDescription | None, choice: Choice) -> list[str]:
    """What generation_config.json does: an adapter answers with that of the model it stands on."""
    answering = base if own.adapter and base else own
    return generation_notes(choice.gen_kwargs, answering, base if choice.compare else None)


def _bytes_note(who: str, source: Source) -> str:
    if not source.whole:
        return f"The {who}'s bytes are the server's and cannot be read; it calls it {one_line(source.identity, 120)}."
    return f"All of the {who}'s bytes: {source.whole}."


def _precision_note(fine_tuned: Source, base: Source) -> str:
    kinds = [source.score_settings().get("quantization", "") for source in (fine_tuned, base)]
    if kinds[0] != kinds[1]:
        first, second = (one_line(kind, 40) or "not known" for kind in kinds)
        return f"Quantisation differs: {first} (fine-tuned), {second} (base); part of any change comes from that."
    low_bits, base_low_bits = (source.score_settings().get("4-bit", False) for source in (fine_tuned, base))
    if low_bits == base_low_bits:
        return ""
    low, high = ("fine-tuned", "base") if low_bits else ("base", "fine-tuned")
    return f"Precision differs: the {low} model is 4-bit, the {high} model is not; part of any change is quantisation."


def _run_plan(
    choice: Choice,
    model: TrainedModel,
    tasks: PlannedTasks,
    source: Source,
    prompts: PromptSettings,
    role: str = "fine-tuned",
) -> BenchmarkPlan:
    backend = find_backend(choice.backend)
    access = access_of(choice, backend)
    made_in = [task.file.parent for task in tasks.made]
    return BenchmarkPlan(
        model_name=model.name,
        role="base" if role == "base" else "fine-tuned",
        source=source,
        tasks=tasks.plans,
        prompts=prompts,
        bench_id="",
        created=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        suite=tasks.suite,
        backend=choice.backend,
        backend_settings=backend_settings(choice, backend),
        backend_options=backend_options(choice, backend),
        backend_identity=backend.identity(access),
        batch_size=choice.batch_size,
        device=choice.planned_device,
        permissions=choice.permissions,
        offline=choice.offline,
        include_paths=tuple(dict.fromkeys(str(path.resolve()) for path in (*choice.include_paths, *made_in))),
        data=tasks.data,
        task_files=dict(tasks.resolved.task_files),
        task_digests={name: tasks.resolved.digests[name] for name in tasks.resolved.leaves},
        leaves=dict(tasks.resolved.leaves),
        lm_eval_version=access.environment.version_of("lm_eval") or "",
        command=choice.command,
        python=access.environment.python,
        repeats=choice.repeats,
    )


def _as_record(facts: TrainingFacts) -> TrainingFacts:
    """The facts with texts that any record can hold: they come from a file that a stranger may have written."""
    texts = {"trained_on": facts.trained_on, "dataset": facts.dataset}
    return dataclasses.replace(facts, **{name: one_line(text, 200) for name, text in texts.items() if text})  # type: ignore[arg-type]


def new_bench_id() -> str:
    return secrets.token_hex(6)
