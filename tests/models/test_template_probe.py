"""Chat templates tried without transformers: rendered alike, and what is wrong with them said with the line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from benchtui.models.tokenizer.template_probe import Trial, find, sandbox, template_error, try_template

TEMPLATES = {
    "llama-3": "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
    '        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- else %}\n'
    '        {%- set date_string = "26 Jul 2024" %}\n    {%- endif %}\n{%- endif %}\n'
    "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n"
    '    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = "" %}\n{%- endif %}\n'
    '{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}\n{{- "Today Date: " + date_string + "\\n\\n" }}\n'
    '{{- system_message }}\n{{- "<|eot_id|>" }}\n{%- for message in messages %}\n'
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim "
    "+ '<|eot_id|>' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n",
    "qwen-3": "{%- if messages[0].role == 'system' %}\n    {{- '<|im_start|>system\\n' + messages[0].content "
    "+ '<|im_end|>\\n' }}\n{%- endif %}\n{%- set ns = namespace(last=messages|length - 1) %}\n"
    "{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n"
    '    {%- if message.role == "user" and message.content is string %}\n        {%- set ns.last = index %}\n'
    "        {%- break %}\n    {%- endif %}\n{%- endfor %}\n{%- for message in messages %}\n"
    "    {%- if message.role == 'user' %}\n        {{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}\n"
    "    {%- elif message.role == 'assistant' %}\n        {%- set content = message.content.split('</think>')[-1]"
    ".lstrip('\\n') %}\n        {{- '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}\n    {%- endif %}\n"
    "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n"
    "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
    "        {{- '<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}",
    "qwen-2.5": "{%- if messages[0]['role'] == 'system' %}\n    {{- '<|im_start|>system\\n' + messages[0]['content'] "
    "+ '<|im_end|>\\n' }}\n{%- else %}\n    {{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}\n{%- endif %}\n"
    "{%- for message in messages %}\n    {%- if (message.role == 'user') or (message.role == 'assistant' and not "
    "message.tool_calls) %}\n        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' "
    "+ '\\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    "mistral": "{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content'] %}\n"
    "    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set rest = messages %}\n{%- endif %}\n{{- bos_token }}\n"
    "{%- for message in rest %}\n    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\n"
    "        {{- raise_exception('After the optional system message, conversation roles must alternate') }}\n"
    "    {%- endif %}\n    {%- if message['role'] == 'user' %}\n"
    "        {%- if loop.last and system is defined %}\n"
    "            {{- '[INST] ' + system + '\\n\\n' + message['content'] + '[/INST]' }}\n        {%- else %}\n"
    "            {{- '[INST] ' + message['content'] + '[/INST]' }}\n        {%- endif %}\n    {%- else %}\n"
    "        {{- ' ' + message['content'] + eos_token }}\n    {%- endif %}\n{%- endfor %}",
    "gemma": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}"
    "{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    "phi-3": "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] "
    "+ '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    "zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
    "{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n"
    "{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    "smollm2": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "deepseek": "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{% set ns = namespace(system='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}"
    "{% set ns.system = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system}}"
    "{%- for message in messages %}{%- if message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}"
    "{%- if message['role'] == 'assistant' and message['content'] is not none %}"
    "{% set content = message['content'].split('</think>')[-1] %}"
    "{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor %}"
    "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}",
    "tools-and-tags": "{{ messages|tojson(indent=2) }}{% generation %}{{ dict(a=1)['a'] }}{% endgeneration %}"
    "{% for m in messages %}{% if loop.index > 1 %}{% continue %}{% endif %}{{ m.content|length }}{% endfor %}"
    "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}",
}
SYSTEM = {"role": "system", "content": " Be <brief> & true. "}
ASKED = {"role": "user", "content": "What is 1 < 2?\n"}
TOLD = {"role": "assistant", "content": "<think>easy</think>\nTrue, it's “so”."}
CHATS = {
    "question": [ASKED],
    "system": [SYSTEM, ASKED],
    "turns": [ASKED, TOLD, ASKED],
    "all": [SYSTEM, ASKED, TOLD, ASKED],
    "two-questions": [ASKED, ASKED],
    "answer-first": [TOLD, ASKED],
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_rendered_as_transformers_renders_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.utils import chat_template_utils

    moment = dt.datetime(2031, 2, 3, 4, 5, 6)  # noqa: DTZ001 - local time, as both take it

    class Frozen(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return moment

    monkeypatch.setattr(chat_template_utils, "datetime", Frozen)
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    ours = sandbox(moment).from_string(TEMPLATES[name])
    for chat in CHATS.values():
        for more in ({}, {"enable_thinking": False}, {"add_generation_prompt": False}):
            arguments = {"tools": None, "documents": None, "add_generation_prompt": True, **tokens, **more}
            theirs = outcome(
                lambda chat=chat, arguments=arguments: chat_template_utils.render_jinja_template(
                    [chat], chat_template=TEMPLATES[name], **arguments
                )[0][0]
            )
            assert outcome(lambda chat=chat, arguments=arguments: ours.render(messages=chat, **arguments)) == theirs


def outcome(render: Callable[[], str]) -> object:
    """The text, or the kind of error with its words and its line."""
    try:
        return render()
    except Exception as error:  # noqa: BLE001 - whatever a template raises
        return type(error), template_error(error)


@pytest.mark.parametrize(
    ("template", "says", "line"),
    [
        ("{% for m in messages %}\n{{ undefined_function(m) }}{% endfor %}", "'undefined_function' is undefined", 2),
        ("text\n\n{% for %}", "Expected an expression", 3),
        ("{% if messages %}\n{{ messages }", "unexpected '}'", 2),
        ("\n{{ messages|no_such_filter }}", "No filter named 'no_such_filter'", 2),
        ("{% if true %}\n{{ raise_exception('Only tools!') }}{% endif %}", "Only tools!", 2),
        ("\n\n\n{{ persona.name }}", "'persona' is undefined", 4),
        ("{{ messages[0].content + 1 }}", "TypeError", 1),
        ("{{ ''.__class__.__mro__ }}", "unsafe", 1),
        ("{% for a in range(100001) %}{% endfor %}", "OverflowError", 1),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError", 1),
        ("{{ 'a' * 100000000000 }}", "MemoryError", 1),
    ],
)
def test_what_is_wrong_with_it_and_where(template: str, says: str, line: int) -> None:
    found = try_template(Trial(template, [[ASKED]]))
    assert says in found.error
    assert found.line == line


def test_one_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.models.tokenizer.template_probe.PATIENCE", 1.0)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    assert "did not end" in try_template(Trial(endless, [[ASKED]])).error


def test_which_chat_it_refuses() -> None:
    found = try_template(Trial(TEMPLATES["gemma"], [[ASKED], [SYSTEM, ASKED]], {"bos_token": "<bos>"}))
    assert (found.failed, found.error, found.line) == (1, "System role not supported", 1)
    assert len(found.rendered) == 1


@pytest.mark.parametrize(("name", "dated"), [("llama-3", True), ("tools-and-tags", True), ("gemma", False)])
def test_whether_it_writes_the_date(name: str, dated: bool) -> None:
    assert find(Trial(TEMPLATES[name], [])).uses_date == dated


@pytest.mark.parametrize("template", ["{{ ['a', 'b']|random }}", "{{ lipsum(1) }}"])
def test_random_text_is_noticed(template: str) -> None:
    assert find(Trial(template, [[ASKED]])).random
