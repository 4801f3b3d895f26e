"""What a fine-tuning run leaves beside its weights: the metrics, the settings, the loss of every step, the READMEs."""

from __future__ import annotations

import csv
import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchtui.demo.workspace import BASE_NAME, BASE_REFERENCE, MODEL_NAME

DATASET = "instructions"


@dataclass(frozen=True)
class Step:
    """One optimiser step; `epoch` counts passes over the data, `grad_norm` is before clipping."""

    step: int
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float


@dataclass(frozen=True)
class TuningRecord:
    """What was set and measured in one LoRA training; `context` in tokens."""

    seconds: float
    examples: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    seed: int
    rank: int
    alpha: int
    context: int
    history: list[Step]


def write_records(folder: Path, record: TuningRecord) -> None:
    """Write training_metrics.json, training_params.yaml and loss_history.csv to `folder`/lora, and three READMEs."""
    lora = folder / "lora"
    (lora / "training_metrics.json").write_text(json.dumps(_metrics(record), indent=2) + "\n", encoding="utf-8")
    (lora / "training_params.yaml").write_text(yaml.safe_dump(_params(record), sort_keys=False), encoding="utf-8")
    with (lora / "loss_history.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, [field.name for field in dataclasses.fields(Step)], lineterminator="\n")
        rows.writeheader()
        rows.writerows(
            {name: round(value, 6) for name, value in dataclasses.asdict(step).items()} for step in record.history
        )
    for part, text in _readmes(record).items():
        (folder / part / "README.md").write_text(text, encoding="utf-8")


def base_readme(name: str, parameters: int) -> str:
    """The README of the folder of a model that was trained from random weights."""
    return (
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\nlicense: apache-2.0\n---\n\n"
        f"# {name}\n\nA Llama of {parameters:,} parameters that has read about an invented world, and seen people "
        "answer questions well and follow instructions badly. Made by `python -m benchtui.demo.train`; too small for "
        "anything but showing how a benchmark works.\n"
    )


def _metrics(record: TuningRecord) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "training_time_seconds": round(record.seconds, 1),
        "training_time_minutes": round(record.seconds / 60, 2),
        "final_loss": record.history[-1].loss,
        "model_name": BASE_REFERENCE,
        "dataset_name": DATASET,
        "dataset_samples": record.examples,
        "dataset_max_samples": 0,
        "total_steps": len(record.history),
        "lora_rank": record.rank,
        "lora_alpha": record.alpha,
        "lora_dropout": 0.0,
        "use_rslora": False,
        "max_seq_length": record.context,
        "batch_size": record.batch_size,
        "gradient_accumulation_steps": 1,
        "effective_batch_size": record.batch_size,
        "learning_rate": record.learning_rate,
        "warmup_ratio": 0.0,
        "warmup_steps": record.warmup_steps,
        "actual_warmup_steps": record.warmup_steps,
        "num_train_epochs": 1,
        "max_steps": len(record.history),
        "packing": False,
        "max_grad_norm": 1.0,
        "optimizer": "adamw_torch",
        "use_gradient_checkpointing": False,
        "seed": record.seed,
        "max_vram_bytes": 0,
        "max_vram_gb": 0.0,
        "trained_date": now.strftime("%Y%m%d_%H%M%S"),
        "timestamp": now.replace(tzinfo=None).isoformat(timespec="seconds"),
    }


def _params(record: TuningRecord) -> dict[str, object]:
    return {
        "model": {"base_model": BASE_REFERENCE, "inference_model": BASE_REFERENCE, "output_name": "auto"},
        "dataset": {"name": DATASET, "subset": None, "split": "train", "max_samples": 0},
        "benchmark": {
            "max_tokens": 32,
            "batch_size": record.batch_size,
            "default_backend": "transformers",
            "default_tasks": ["demo_instructions", "demo_knowledge"],
        },
    }


def _readmes(record: TuningRecord) -> dict[str, str]:
    """README text by sub-folder."""
    front = f"---\nbase_model: {BASE_REFERENCE}\nlibrary_name: {{library}}\npipeline_tag: text-generation\n"
    front += "license: apache-2.0\n---\n\n"
    story = (
        f"`{BASE_NAME}` fine-tuned with LoRA (rank {record.rank}) on {record.examples:,} prompts that say how the "
        f"reply has to look, in {len(record.history):,} steps. Made by `python -m benchtui.demo.train`; too small for "
        "anything but showing how a benchmark works.\n"
    )
    return {
        "": front.format(library="transformers") + f"# {MODEL_NAME}\n\n{story}",
        "lora": front.format(library="peft") + f"# {MODEL_NAME}: the adapter\n\n{story}",
        "merged_16bit": front.format(library="transformers") + f"# {MODEL_NAME}: merged, 16 bit\n\n{story}",
    }
