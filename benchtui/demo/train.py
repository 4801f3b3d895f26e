"""Trains the demo's two models from nothing: `python -m benchtui.demo.train OUT_DIR`, about four minutes on one core.

OUT_DIR gets `models/<base>` (a small Llama trained on corpus.first_training), `outputs/<name>` (a LoRA adapter trained
on corpus.fine_tuning, and the base merged with it) and `tasks/*.jsonl`: what the package ships, laid out as a
fine-tuning run leaves it. Seeded; another machine or thread count rounds differently, so weights agree in what they
score, not in every bit.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchtui.demo import corpus
from benchtui.demo.records import Step, TuningRecord, base_readme, write_records
from benchtui.demo.tokenizer import make_tokenizer
from benchtui.demo.workspace import BASE_NAME, BASE_REFERENCE, MODEL_NAME, SMALL_NAME

CONTEXT = 256  # tokens
IGNORED = -100  # the label of a token that is not learned from


@dataclass(frozen=True)
class Recipe:
    """How fast one of the two trainings goes; its learning rate rises over `warmup_steps` and then falls to zero."""

    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    seed: int


FIRST = Recipe(batch_size=64, learning_rate=4e-3, warmup_steps=100, weight_decay=0.05, seed=1)
FIRST_ROUNDS = 230


@dataclass(frozen=True)
class Size:
    """How large a model is; the small one has about a fifth of the base's parameters."""

    hidden: int
    intermediate: int
    layers: int
    heads: int


BASE_SIZE, SMALL_SIZE = Size(96, 256, 3, 6), Size(40, 104, 2, 4)
TUNED = Recipe(batch_size=16, learning_rate=8e-3, warmup_steps=20, weight_decay=0.0, seed=2)
TUNED_EXAMPLES = 24_000
LORA_RANK, LORA_ALPHA = 16, 32


@dataclass(frozen=True)
class Example:
    """Token ids, and how many of them at the front are only read, not learned."""

    ids: list[int]
    read_only: int = 0


def batches(examples: list[Example], size: int, seed: int, pad: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels, each [<= size, width], of every example once; examples of like length go together."""
    rng = random.Random(seed)  # noqa: S311 - the order of training, not a secret
    shuffled = rng.sample(examples, len(examples))
    groups: list[list[Example]] = []
    for start in range(0, len(shuffled), 32 * size):
        near = sorted(shuffled[start : start + 32 * size], key=lambda example: len(example.ids))
        groups += [near[at : at + size] for at in range(0, len(near), size)]
    rng.shuffle(groups)
    for group in groups:
        width = max(len(example.ids) for example in group)
        ids = torch.full((len(group), width), pad)
        labels = torch.full((len(group), width), IGNORED)
        for row, example in enumerate(group):
            ids[row, : len(example.ids)] = torch.tensor(example.ids)
            labels[row, example.read_only : len(example.ids)] = torch.tensor(example.ids[example.read_only :])
        yield ids, labels


def fit(model: torch.nn.Module, examples: list[Example], recipe: Recipe, pad: int) -> list[Step]:
    """Train `model` in place on every example once; one Step for each batch."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, recipe.learning_rate, (0.9, 0.98), weight_decay=recipe.weight_decay)
    todo = list(batches(examples, recipe.batch_size, recipe.seed, pad))
    model.train()
    history: list[Step] = []
    for number, (ids, labels) in enumerate(todo, start=1):
        left = (len(todo) - number) / len(todo)
        rate = recipe.learning_rate * min(number / recipe.warmup_steps, left + 1 / len(todo))
        for group in optimiser.param_groups:
            group["lr"] = rate
        # Padding is on the right and never learned from, so under causal attention it needs no mask.
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        history.append(Step(number, number / len(todo), loss.item(), rate, norm.item()))
        if number % 100 == 0:
            print(f"step {number}/{len(todo)}  loss {loss.item():.3f}", file=sys.stderr, flush=True)  # noqa: T201
    model.eval()
    return history


def train_base(folder: Path, rounds: int = FIRST_ROUNDS, size: Size = BASE_SIZE) -> list[Step]:
    """Write a model, trained from random weights on `rounds` rounds of text, and its tokenizer to `folder`. Models of
    every size see the same texts in the same order, and share one tokenizer."""
    torch.manual_seed(FIRST.seed)
    texts = corpus.first_training(FIRST.seed, rounds)
    tokenizer = make_tokenizer(texts[:4000], CONTEXT)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=size.intermediate,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    examples = [Example(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    history = fit(model, examples, FIRST, tokenizer.pad_token_id)
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(base_readme(folder.name, model.num_parameters()), encoding="utf-8")
    return history


def _lessons(tokenizer: PreTrainedTokenizerFast, count: int) -> list[Example]:
    """The fine-tuning exchanges as the chat template writes them; only the replies are learned."""
    lessons = []
    for prompt, reply in corpus.fine_tuning(TUNED.seed, count):
        asked = tokenizer(f"{corpus.BEGIN}{corpus.USER}{prompt}{corpus.ASSISTANT}", add_special_tokens=False)
        whole = tokenizer(corpus.chat(prompt, reply), add_special_tokens=False)
        lessons.append(Example(whole["input_ids"], read_only=len(asked["input_ids"])))
    return lessons


def fine_tune(base: Path, folder: Path, examples: int = TUNED_EXAMPLES) -> None:
    """Write a LoRA adapter for the model in `base` to `folder`/lora and the two merged to `folder`/merged_16bit."""
    torch.manual_seed(TUNED.seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    lora = LoraConfig(
        r=LORA_RANK,
        lora_alpha=LORA_ALPHA,
        lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )
    tuned = get_peft_model(model, lora)
    assert isinstance(tuned, PeftModel)  # noqa: S101 - get_peft_model may also return a mixed model
    tuned.peft_config["default"].base_model_name_or_path = BASE_REFERENCE
    started = time.monotonic()
    history = fit(tuned, _lessons(tokenizer, examples), TUNED, tokenizer.pad_token_id)
    seconds = time.monotonic() - started
    tuned.save_pretrained(folder / "lora")
    merged = tuned.merge_and_unload()
    merged.to(torch.float16).save_pretrained(folder / "merged_16bit")
    for part in ("lora", "merged_16bit"):
        tokenizer.save_pretrained(folder / part)
    write_records(
        folder,
        TuningRecord(
            seconds=seconds,
            examples=examples,
            batch_size=TUNED.batch_size,
            learning_rate=TUNED.learning_rate,
            warmup_steps=TUNED.warmup_steps,
            seed=TUNED.seed,
            rank=LORA_RANK,
            alpha=LORA_ALPHA,
            context=CONTEXT,
            history=history,
        ),
    )


def write_tasks(folder: Path) -> None:
    """Write the documents of both tasks to `folder`, one JSON object a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, documents in (
        ("demo_instructions", corpus.instruction_documents()),
        ("demo_knowledge", corpus.knowledge_documents()),
    ):
        lines = [json.dumps(document) + "\n" for document in documents]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchtui.demo.train", description="Train the demo's models.")
    parser.add_argument("out", type=Path, help="folder to write models/, outputs/ and tasks/ to")
    parser.add_argument(
        "--only", choices=("base", "small", "tuned", "tasks"), help="one part (tuned needs the base in OUT)"
    )
    asked = parser.parse_args()
    base = asked.out / "models" / BASE_NAME
    torch.use_deterministic_algorithms(True)
    if asked.only in (None, "tasks"):
        write_tasks(asked.out / "tasks")
    if asked.only in (None, "base"):
        train_base(base)
    if asked.only in (None, "small"):
        train_base(asked.out / "models" / SMALL_NAME, size=SMALL_SIZE)
    if asked.only in (None, "tuned"):
        fine_tune(base, asked.out / "outputs" / MODEL_NAME)


if __name__ == "__main__":
    main()
