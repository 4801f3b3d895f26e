"""Creates a README for a folder that has none: usage and training facts, each taken from a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchtui.models.layout import TrainedModel, TrainingFacts
from benchtui.reports.markdown import escape
from benchtui.reports.readme.published import published
from benchtui.reports.readme.usage import usage

PART_WORDS = {
    "lora": "LoRA adapter",
    "merged_16bit": "Merged 16-bit weights",
    "merged_4bit": "Merged 4-bit weights",
    "gguf": "GGUF files for llama.cpp and Ollama",
}
"""The folders of a model that have a README of their own, and their contents."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_DATA_FILE = re.compile(r"\.(jsonl?|csv|tsv|txt|parquet|arrow|ya?ml|gz|zst|zip)$", re.IGNORECASE)


def new_readme(model: TrainedModel, part: str, base: str | None, licence: str | None) -> str:
    """Return the text, lines end with \\n. `part` is the folder's name inside the model ("" for the model's own
    README); `licence` is that of another README of the model, None where none of them names one."""
    title = model.name if not part else f"{model.name} ({part})"
    blocks = [_front_matter(model, part, base, licence), f"# {escape(title)}", _about(model, part, base)]
    contents = "" if part else _contents(model)
    blocks += [block for block in (usage(model, part, base), contents, _training(model.training)) if block]
    if licence:
        blocks.append(f"## License\n\n{escape(licence)}")
    return "\n\n".join(blocks) + "\n"


def _front_matter(model: TrainedModel, part: str, base: str | None, licence: str | None) -> str:
    import yaml

    found: dict[str, Any] = {}
    if base and _is_hub_id(base, model):
        found["base_model"] = base
    dataset = model.training.dataset
    if dataset and _is_hub_id(dataset, model):
        found["datasets"] = [dataset]
    library = {"lora": "peft", "merged_16bit": "transformers", "merged_4bit": "transformers", "gguf": "gguf"}.get(part)
    if library:
        found["library_name"] = library
    if licence:
        found["license"] = licence
    found["pipeline_tag"] = "text-generation"
    return f"---\n{yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip()}\n---"


def _is_hub_id(name: str, model: TrainedModel) -> bool:
    """Return whether it is `owner/name` on the Hub; not the path of a data file, nor one whose first part is a folder
    here."""
    if not _HUB_ID.fullmatch(name) or ".." in name or _DATA_FILE.search(name):
        return False
    places = (Path.cwd(), model.path, model.path.parent, model.path.parent.parent)
    return not any((place / name.split("/")[0]).is_dir() for place in places)


def _about(model: TrainedModel, part: str, base: str | None) -> str:
    if any(form.kind == "pair" for form in model.formats):
        return "A small and a large model that answer as one."
    what = PART_WORDS.get(part, "Fine-tuned model")
    origin = f" of {escape(published(base))}" if base else ""
    dataset = model.training.dataset
    trained = f", trained on {escape(published(dataset))}" if dataset else ""
    return f"{what}{origin}{trained}."


def _contents(model: TrainedModel) -> str:
    parts = [part for part in PART_WORDS if any(f.path.is_relative_to(model.path / part) for f in model.formats)]
    return "## What is here\n\n" + "\n".join(f"- `{part}/`: {PART_WORDS[part]}" for part in parts) if parts else ""


def _training(facts: TrainingFacts) -> str:
    """Return only what the training recorded."""
    found = [
        ("Dataset", facts.dataset),
        ("Samples", facts.dataset_samples),
        ("Trained on", facts.trained_on),
        ("LoRA rank", facts.lora_rank),
        ("LoRA alpha", facts.lora_alpha),
        ("Learning rate", facts.learning_rate),
        ("Epochs", facts.epochs),
        ("Steps", facts.steps),
        ("Final loss", facts.final_loss),
        ("Training time", f"{facts.seconds / 60:.1f} minutes" if facts.seconds is not None else None),
        ("Finished", f"{facts.finished:%Y-%m-%d %H:%M}" if facts.finished is not None else None),
    ]
    lines = [f"- {name}: {escape(published(_value(value)))}" for name, value in found if value is not None]
    return "## Training\n\n" + "\n".join(lines) if lines else ""


def _value(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
