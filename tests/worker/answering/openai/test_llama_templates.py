"""Chat templates as a real llama-server renders them."""

from __future__ import annotations

import importlib.util

import pytest

from benchtui.plans.benchmark import PromptSettings
from tests.conftest import absent
from tests.llama_server import llama_server
from tests.worker.answering.openai.llama_asking import S260, opened

pytestmark = [pytest.mark.llama_server, pytest.mark.hub]

TEMPLATES = {
    "smollm2": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>"
    "system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama-2": "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + "
    "message['content'] | trim + ' [/INST]' }}{% elif message['role'] == 'system' %}{{ '<<SYS>>\n' + "
    "message['content'] + '\n<</SYS>>\n\n' }}{% else %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}"
    "{% endfor %}",
    "lines": "{% for m in messages %}\n    {% if m.role == 'user' %}\nQ: {{ m.content }}\n    {% else %}\nA: "
    "{{ m.content }}\n    {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}A:{% endif %}",
    "json": "{% for m in messages %}{{ m | tojson }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}",
}
CONVERSATION = [
    {"role": "system", "content": "Be <careful> & 'brief'."},
    {"role": "user", "content": 'Où est "Lily" 🙂?  \n'},
    {"role": "assistant", "content": "Here."},
    {"role": "user", "content": "And Tom?"},
]


@pytest.fixture(scope="module", autouse=True)
def _here() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")
    if not S260.is_file():
        absent("hub", "no hub beside the checkout")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_rendered_as_the_server_renders_it(name: str) -> None:
    with llama_server(S260, chat_template=TEMPLATES[name]) as server:
        answering = opened(server.url, PromptSettings(chat_template=TEMPLATES[name]))
        for messages in (CONVERSATION, CONVERSATION[1:2], CONVERSATION[1:]):
            theirs = server.post("/apply-template", {"messages": messages})["prompt"]
            ours = answering.chat.render(messages, add_generation_prompt=True)
            # It leaves out a bos token at the beginning, which its tokenizer adds.
            assert ours.removeprefix("<s>") == theirs
            if ours.startswith("<s>"):
                (ids, _) = answering.tokens.encode_prompts([ours])[ours]
                assert ids == server.post("/tokenize", {"content": theirs, "add_special": True})["tokens"]
                assert ids.count(1) == ours.count("<s>")
        answering.close()
