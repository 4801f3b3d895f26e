"""A README for a folder that has none: usage and training facts, each as some file says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchtui.models import TrainedModel, TrainingFacts
from benchtui.reports.markdown import escape
from benchtui.text import one_line

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def new_readme(model: TrainedModel, part: str, base: str | None, licence: str | None) -> str:
    """The text, lines ended by \\n. `part` is the folder's name inside the model ("" for the model's own README);
    `licence` stands in a sibling's front matter, None where none of them says it."""
    title = model.name if not part else f"{model.name} ({part})"
    blocks = [_front_matter(model, part, base, licence), f"# {escape(title)}", _about(model, part, base)]
    blocks += [block for block in (_usage(model, part, base), _training(model.training)) if block]
    if licence:
        blocks.append(f"## License\n\n{escape(licence)}")
    return "\n\n".join(blocks) + "\n"


def _front_matter(model: TrainedModel, part: str, base: str | None, licence: str | None) -> str:
    import yaml

    found: dict[str, Any] = {}
    if base and _HUB_NAME.fullmatch(base):
        found["base_model"] = base
    dataset = model.training.dataset
    if dataset and _HUB_NAME.fullmatch(dataset):
        found["datasets"] = [dataset]
    library = {"lora": "peft", "merged_16bit": "transformers", "merged_4bit": "transformers", "gguf": "gguf"}.get(part)
    if library:
        found["library_name"] = library
    if licence:
        found["license"] = licence
    found["pipeline_tag"] = "text-generation"
    return f"---\n{yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip()}\n---"


def _about(model: TrainedModel, part: str, base: str | None) -> str:
    what = {
        "lora": "LoRA adapter",
        "merged_16bit": "Merged 16-bit weights",
        "merged_4bit": "Merged 4-bit weights",
        "gguf": "GGUF files for llama.cpp and Ollama",
    }.get(part, "Fine-tuned model")
    origin = f" of {escape(base)}" if base else ""
    trained = f", trained on {escape(model.training.dataset)}" if model.training.dataset else ""
    return f"{what}{origin}{trained}."


def _usage(model: TrainedModel, part: str, base: str | None) -> str:
    if part == "lora":
        return _code(
            "python",
            "from peft import AutoPeftModelForCausalLM",
            "from transformers import AutoTokenizer",
            "",
            f"model = AutoPeftModelForCausalLM.from_pretrained({part!r})",
            f"tokenizer = AutoTokenizer.from_pretrained({base or part!r})",
        )
    if part in ("merged_16bit", "merged_4bit"):
        return _code(
            "python",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f"model = AutoModelForCausalLM.from_pretrained({part!r})",
            f"tokenizer = AutoTokenizer.from_pretrained({part!r})",
        )
    if part == "gguf":
        files = [form.path.name for form in model.formats if form.kind == "gguf"]
        return _code("bash", *(f"llama-cli -m {one_line(name)} -cnv" for name in files)) if files else ""
    folders = [f"- `{folder}/`" for folder in ("lora", "merged_16bit", "merged_4bit", "gguf") if _has(model, folder)]
    return "## What is here\n\n" + "\n".join(folders) if folders else ""


def _has(model: TrainedModel, folder: str) -> bool:
    return any(Path(form.path).is_relative_to(model.path / folder) for form in model.formats)


def _code(language: str, *lines: str) -> str:
    return "\n".join(["## Usage", "", f"```{language}", *lines, "```"])


def _training(facts: TrainingFacts) -> str:
    """Only what the training wrote down."""
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
    lines = [f"- {name}: {escape(_value(value))}" for name, value in found if value is not None]
    return "## Training\n\n" + "\n".join(lines) if lines else ""


def _value(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
