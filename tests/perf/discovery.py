"""How long a thousand trained models take to list: `python tests/perf/discovery.py [COUNT]`.

Builds COUNT model folders with the files a fine-tuning run leaves behind (adapter, merged model with a header of 290
tensors, training files, a benchmark result), then times discovery alone, discovery with base resolution, and the whole
command.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchtui.models.base import find_base
from benchtui.models.discovery import discover
from benchtui.models.last_result import last_result

LAYERS, HIDDEN, VOCABULARY = 32, 2048, 32_000
MODULES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
           "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip
NORMS = ("input_layernorm", "post_attention_layernorm")


def llama_shapes() -> dict[str, list[int]]:
    """The 290 tensors of a Llama with tied embeddings."""
    shapes = {"model.embed_tokens.weight": [VOCABULARY, HIDDEN], "model.norm.weight": [HIDDEN]}
    for layer in range(LAYERS):
        shapes |= {f"model.layers.{layer}.{module}.weight": [HIDDEN, HIDDEN] for module in MODULES}
        shapes |= {f"model.layers.{layer}.{norm}.weight": [HIDDEN] for norm in NORMS}
    return shapes


def lora_shapes() -> dict[str, list[int]]:
    names = [f"base_model.model.model.layers.{layer}.self_attn.q_proj" for layer in range(LAYERS)]
    first = {f"{name}.lora_A.weight": [16, HIDDEN] for name in names}
    return first | {f"{name}.lora_B.weight": [HIDDEN, 16] for name in names}


def sparse_safetensors(path: Path, shapes: dict[str, list[int]]) -> None:
    """A whole safetensors file of zeros that takes no room on disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    raw = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + end)


def build_model(folder: Path, number: int) -> None:
    base = "unsloth/Llama-3.2-1B-Instruct"
    lora, merged = folder / "lora", folder / "merged_16bit"
    lora.mkdir(parents=True)
    merged.mkdir()
    (lora / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": f"{base}-bnb-4bit", "r": 16}))
    sparse_safetensors(lora / "adapter_model.safetensors", lora_shapes())
    finished = f"2026-10-{1 + number % 30:02}T12:00:00"
    metrics = {"model_name": f"{base}-bnb-4bit", "final_loss": 1.25, "timestamp": finished}
    (lora / "training_metrics.json").write_text(json.dumps(metrics))
    (lora / "training_params.yaml").write_text(f"model:\n  base_model: {base}-bnb-4bit\n  inference_model: {base}\n")
    config = {"model_type": "llama", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
    (merged / "config.json").write_text(json.dumps(config))
    (merged / "tokenizer.json").write_text("{}")
    sparse_safetensors(merged / "model.safetensors", llama_shapes())
    (folder / "benchmarks").mkdir()
    entry = {"metric": "acc,none", "base_accuracy": 0.4, "finetuned_accuracy": 0.5, "delta": 0.1, "delta_percent": 25.0}
    (folder / "benchmarks" / "benchmark.json").write_text(json.dumps({"comparison": {"ifeval": entry}}))


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        outputs = Path(name)
        for number in range(count):
            build_model(outputs / f"model-{number:05}", number)
        start = time.perf_counter()
        models = discover(outputs)
        found = time.perf_counter()
        for model in models:
            find_base(model, model.formats[0])
            last_result(model.path)
        resolved = time.perf_counter()
        command = [sys.executable, "-m", "benchtui", "models", "--outputs", name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        listed = time.perf_counter()
    assert all(form.usable() for model in models for form in model.formats), models[0].all_problems
    print(f"{len(models)} models found in {found - start:.2f} s")
    print(f"bases and last results of all in {resolved - found:.2f} s more")
    print(f"`benchtui models` from start to end in {listed - resolved:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
