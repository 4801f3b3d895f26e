"""Real tiny models that write what a test says: each next token follows from the last one alone.

The network is a Llama whose attention and MLP add nothing, so that the final state is the embedding of the last token,
and the row of each token in the output layer is the embedding of the token that it follows. What a model answers is
chosen by the last word of the message. The fine-tuned one is an adapter on the output layer: it takes the first token
of an answer elsewhere, so both share their weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

WIDTH = 128
WINDOW = 32_768
SHARPNESS = 3.0
"""Of the output layer: a token that follows has nearly all of the probability."""

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}{% if not loop.last %}</s>{% endif %}{% endfor %}"
)
HOSTILE = (
    b"start", b"\x1b[31m", b"\x1b[2J\x1b[H", b"\x1b]0;owned\x07", b"\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    b"\xc2\x9b35m", b"[b]bold[/b]", b"[@click=app.quit]go[/]", b"[/nope]", "\u202eright to left\u202c".encode(),
    b"\roverwritten", b"\x08\x08", b"<script>alert(1)</script>", b"[text](https://evil.example)", b"null\x00",
    b"finish",
)  # fmt: skip
FOX = (b"a ", b"\xf0\x9f", b"\xa6\x8a", b" fox")
"""A character of four bytes, in two tokens."""


@dataclass(frozen=True)
class Script:
    """What is written after a word: `pieces` are tokens; `endless` begins again after the last one."""

    pieces: tuple[bytes, ...]
    endless: bool = False

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()


def words(text: str) -> tuple[bytes, ...]:
    """A text as one token for each word."""
    first, *others = text.split(" ")
    return (first.encode(), *(f" {word}".encode() for word in others))


BASE = {
    "short": Script(words("This is what the base says.")),
    "long": Script(tuple(f"base {number}, ".encode() for number in range(1, 200)), endless=True),
    "hostile": Script(HOSTILE),
    "fox": Script(FOX),
    "think": Script((b"<think>", b"considering", b"</think>", b"Thought.")),
}
TUNED = {
    "short": Script((b"Tuned", b" words", b" of", b" one", b" adapter.")),
    "long": Script(tuple(f"tuned {number}, ".encode() for number in range(1, 200)), endless=True),
}


@dataclass(frozen=True)
class Place:
    """A folder with a base and an adapter in `outputs`."""

    root: Path

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def model(self) -> Path:
        return self.outputs / "counts"


def make_place(root: Path) -> Place:
    """Lay out the base `models/counts-base` and its adapter `outputs/counts`."""
    place = Place(root)
    network, numbers = _make_base(root / "models" / "counts-base", BASE, (*BASE.values(), *TUNED.values()))
    _make_adapter(place.model / "lora", network, numbers)
    return place


def _make_base(
    folder: Path, scripts: Mapping[str, Script], all_scripts: Sequence[Script]
) -> tuple[Any, dict[str, int]]:
    """Save the base; returns the network and the number of each token, that of a piece in the alphabet of bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = _alphabet()
    pieces = ["".join(alphabet[byte] for byte in piece) for script in all_scripts for piece in script.pieces]
    names = ["<s>", "</s>", *alphabet, *pieces]
    assert len(set(names)) == len(names), "two pieces are alike"
    numbers = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.add_tokens(list(scripts))
    fast.chat_template = TEMPLATE
    numbers |= {word: fast.convert_tokens_to_ids(word) for word in scripts}

    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=WINDOW, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    network = LlamaForCausalLM(config)
    with torch.no_grad():
        states = torch.nn.functional.normalize(torch.randn(len(fast), WIDTH), dim=-1)
        states[2:258] = states[2]  # a message may end in any byte: then it is answered as with "short"
        network.model.embed_tokens.weight.copy_(states)
        network.model.layers[0].self_attn.o_proj.weight.zero_()
        network.model.layers[0].mlp.down_proj.weight.zero_()
        network.lm_head.weight.zero_()
        for script in all_scripts:
            chain = [numbers["".join(alphabet[byte] for byte in piece)] for piece in script.pieces]
            for before, after in pairwise([*chain, chain[0] if script.endless else 1]):
                network.lm_head.weight[after] += SHARPNESS * states[before]
        for word, script in scripts.items():
            network.lm_head.weight[_first(script, numbers)] += SHARPNESS * states[numbers[word]]
        network.lm_head.weight[_first(scripts["short"], numbers)] += SHARPNESS * states[2]
    network.save_pretrained(folder)
    fast.save_pretrained(folder)
    return network, numbers


def _make_adapter(folder: Path, network: Any, numbers: Mapping[str, int]) -> None:
    """Save an adapter of the output layer under which the words of TUNED begin another answer."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=len(TUNED), lora_alpha=len(TUNED), target_modules=["lm_head"])
    base = network.get_input_embeddings().weight.detach().clone()
    tuned = get_peft_model(network, config)
    layer = tuned.base_model.model.lm_head
    with torch.no_grad():
        layer.lora_B["default"].weight.zero_()
        for place, (word, script) in enumerate(TUNED.items()):
            layer.lora_A["default"].weight[place] = base[numbers[word]]
            layer.lora_B["default"].weight[_first(script, numbers), place] = SHARPNESS
            layer.lora_B["default"].weight[_first(BASE[word], numbers), place] = -SHARPNESS
    tuned.save_pretrained(folder, save_embedding_layers=False)
    file = folder / "adapter_config.json"
    content = json.loads(file.read_text())
    content["base_model_name_or_path"] = "../../models/counts-base"
    file.write_text(json.dumps(content))


def _first(script: Script, numbers: Mapping[str, int]) -> int:
    alphabet = _alphabet()
    return numbers["".join(alphabet[byte] for byte in script.pieces[0])]


def _alphabet() -> list[str]:
    """The character that byte-level BPE writes for each byte, as GPT-2 defined it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    characters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}
    return [characters[byte] for byte in range(256)]
