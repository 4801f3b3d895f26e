"""Every setting of a run, one row each: flag, variable, benchtui.toml key, help and shown command are made from it.

A new setting is a row here. Its value is in `Choice.more`, or in an attribute of Choice where there is one of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from benchtui.backends.hybrid import OF_TWO
from benchtui.backends.registry import BUILT_IN, DEFAULT_BACKEND
from benchtui.evidence.questions import QUESTIONS, Question
from benchtui.settings import forms
from benchtui.settings.forms import switch, switch_or
from benchtui.settings.other_tools import TORCHTUNE_TOKENIZERS, devices_of_count, hub_id_of
from benchtui.settings.setting import Alias, Setting
from benchtui.tasks.data.spec import DATA_KINDS

WHAT = "What is evaluated"
DATA = "Your own data"
HOW = "How the model is asked"
MACHINE = "How it runs"
TWO_MODELS = "A small and a large model (--backend hybrid)"
ALLOW = "Allowed for this run only"
OUTPUT = "Output"

NO_SUITE = "none"
"""The suite of a run that only evaluates the user's own data."""
OF_DATA = ("data", "tasks")
"""What says something of data needs data, or tasks that are data: ORG/NAME and those of [tasks.NAME]."""

ISOLATED = "--isolated"
"""The flag with which settings of files and variables are not read: what is typed beside it says all."""

SAME_WITHIN = 2.0
"""Points that would not matter, where nobody says otherwise."""
MAX_LOSS = 3.0
"""Points that a model may lose, at `benchtui gate` too, where nobody says otherwise."""
PLANNED_GAIN = 3.0
"""Points gained that samples should suffice to show, where nobody says otherwise."""
DECIDE_FOR: tuple[Question, ...] = ("sign", "loss")
DEFAULT_SEEDS = (0, 1234, 1234, 1234)
MOST_REPEATS = 1000
"""Answers to one sample: more of them tell nothing that more samples would not tell better."""

_ALIASES = {"tokenizer": (Alias("--tokenizer-checkpoint", beside=TORCHTUNE_TOKENIZERS),)}
"""Other spellings of settings that a backend describes."""

SETTINGS: tuple[Setting, ...] = (
    Setting("outputs", WHAT, "Folder with the trained models.", forms.FOLDER, Path("outputs"), "DIR", at_resume=True),
    Setting("model", WHAT, "Name, path or hub id; newest, or all.", forms.named("newest"), None, "NAME", page="model"),
    Setting("model-checkpoint", WHAT, "Trained weights: a folder, or a .safetensors, .pt, .pth or .bin file that "
            "is put on the architecture of --base.", forms.named("none"), None, "PATH", page="model"),
    Setting("base", WHAT, "Base model: hub id or path. auto: what the model's files name.", forms.named("auto"), None,
            "ID", page="base", attribute="", aliases=(Alias("--base-model", hub_id_of),)),
    Setting("no-base", WHAT, "Evaluate the model alone; nothing to compare with.", switch("--no-base", "--with-base"),
            False, page="base", attribute=""),
    Setting("adapter-base", WHAT, "With --no-base: what an adapter is put on, where its files do not name it.",
            forms.named("auto"), None, "ID", page="base", attribute=""),
    Setting("rerun-base", WHAT, "Evaluate the base again even if its results still fit.",
            switch("--rerun-base", "--reuse-base"), False),
    Setting("verify", WHAT, "Read all of the weight files, so that any change in them is noticed.",
            switch("--verify", "--no-verify"), False),
    Setting("format", WHAT, "merged_16bit, merged_4bit, lora, checkpoint-…  auto: best available; "
            "all-checkpoints: each of them in turn, then a leaderboard; READMEs stay as they are.",
            forms.named("auto"), None, "NAME", page="format"),
    Setting("suite", WHAT, "test, quick, core, full, open-llm-leaderboard, or your own. none: only what --data names.",
            forms.NAME, "quick", "NAME", page="suite", unless="tasks", beside=("data", NO_SUITE),
            always_shown=True),  # which one is meant by default may change
    Setting("tasks", WHAT, "Instead of a suite: lm-eval tasks, suites, [tasks.NAME] of benchtui.toml, or data sets of "
            "the Hub (ORG/NAME).", forms.TASKS, (), "A,B", page="suite", several=True, beside=("data", ())),
    Setting("include-path", WHAT, "Folder with more task files; may be repeated.", forms.FOLDERS, (), "DIR",
            attribute="include_paths", at_resume=True),
    Setting("limit", WHAT, "Samples per task: a count, a share, all. auto: what the suite says.", forms.LIMIT, None,
            "N", page="suite", key=""),
    Setting("default-limit", WHAT, "The same for tasks whose suite sets no limit: what limit is in benchtui.toml.",
            forms.DEFAULT_LIMIT, None, "N", key="limit"),
    Setting("decide-early", WHAT,
            "Ask both models side by side; stop a task once what --decide-for names is certain.",
            switch("--decide-early", "--no-decide-early"), False, page="suite", attribute=""),
    Setting("decide-delta", WHAT, "With --decide-early: a difference that would not matter.", forms.POINTS,
            SAME_WITHIN, "POINTS", attribute="", only_with=("decide-early",)),
    Setting("decide-loss", WHAT, "With --decide-early: the loss that `benchtui gate --max-loss` will allow.",
            forms.POINTS, MAX_LOSS, "POINTS", only_with=("decide-early",), only_where=("decide-for", "loss")),
    Setting("decide-for", WHAT, "With --decide-early, what must be certain: sign (better, worse or no relevant "
            "difference), loss (over --decide-loss or not), equivalence (within --decide-delta or not).",
            forms.some_of(*QUESTIONS), DECIDE_FOR, "A,B", only_with=("decide-early",)),
    Setting("data", DATA, "A file with questions (JSON, JSONL, CSV, TSV, Parquet, Arrow), or hub:ORG/NAME[:CONFIG]"
            "[/SPLIT]; may be repeated. Alone it is evaluated instead of a suite; with --suite or --tasks, beside it.",
            forms.SOURCES, (), "FILE", key="", page="suite"),
    Setting("prompt", DATA, "The column that is asked, or a Jinja template like '{{question}} {{hint}}'. Without it "
            "the columns are recognised, and shown.", forms.FREE_TEXT, None, "COLUMN", key="", only_with=OF_DATA),
    Setting("answer", DATA, "The column, or template, with the right answer.", forms.FREE_TEXT, None, "COLUMN", key="",
            only_with=OF_DATA),
    Setting("choices", DATA, "The column with the list of choices, or the columns that hold one each.",
            forms.FREE_TEXT, None, "COLUMN", key="", only_with=OF_DATA),
    Setting("data-kind", DATA, "generate (a text is written and matched), choices (the likeliest of several), "
            "loglikelihood (how likely the answer is), perplexity (of whole texts) or preference (chosen over "
            "rejected). auto: what follows from the columns.", forms.choice_or("auto", *DATA_KINDS), None, "KIND",
            key="", only_with=OF_DATA),
    Setting("count-from", DATA, "Whether an answer that is a number counts the choices from 0 or 1, or is the text of "
            "one. auto: as the whole column shows.", forms.choice("auto", "0", "1", "text"), "auto",
            "0|1|text", key="", only_with=OF_DATA),
    Setting("metric", DATA, "How answers are scored (`benchtui metrics list`); may be repeated.", forms.SOURCES, (),
            "NAME", key="", attribute="metrics", only_with=OF_DATA),
    Setting("data-split", DATA, "Which split is asked, where the data have several.", forms.FREE_TEXT, None, "NAME",
            key="", only_with=OF_DATA),
    Setting("data-sample", DATA, "Take N rows, drawn by chance.", forms.whole_number_or("all", 1), None, "N", key="",
            only_with=OF_DATA),
    Setting("data-sample-seed", DATA, "The seed with which --data-sample draws.", forms.whole_number(0), 1234, "N",
            key="", only_with=("data-sample",)),
    Setting("fewshot-from", DATA, "Where the examples of --num-fewshot come from: a file, or a split of the same data.",
            forms.FREE_TEXT, None, "FILE", key="", only_with=OF_DATA),
    Setting("num-fewshot", HOW, "Examples in every task's prompt. auto: what suite and task say.",
            forms.whole_number_or("auto", 0), None, "N", key=""),
    Setting("default-num-fewshot", HOW, "The same for tasks whose suite says nothing: what num-fewshot is in "
            "benchtui.toml.", forms.whole_number_or("auto", 0), None, "N", key="num-fewshot"),
    Setting("chat-template", HOW, "auto, on, off, or a file with the template for both sides. auto: applied when both "
            "have one.", forms.choice_or_file("auto", "on", "off"), "auto", "WHEN", page="review"),
    Setting("system-instruction", HOW, "System message put before every prompt.", forms.FREE_TEXT, None, "TEXT"),
    Setting("gen-kwargs", HOW, "Generation settings, as lm-eval takes them.", forms.GENERATION, {}, "K=V,…"),
    Setting("temperature", HOW, "Draw tokens at this temperature; 0 takes the likeliest. auto: as each task says.",
            forms.sampling("temperature"), None, "N", attribute=""),
    Setting("top-k", HOW, "Draw from the likeliest K tokens; 0 for all.", forms.sampling("top_k"), None, "K",
            attribute=""),
    Setting("top-p", HOW, "Draw from the likeliest tokens that have this chance together.", forms.sampling("top_p"),
            None, "P", attribute=""),
    Setting("min-p", HOW, "Leave out tokens with less than this share of the likeliest one's chance.",
            forms.sampling("min_p"), None, "P", attribute=""),
    Setting("repeats", HOW, "Answers to each sample of a task that generates text, each drawn anew; the score is their "
            "mean.", forms.whole_number(1, MOST_REPEATS), 1, "K"),
    Setting("enable-thinking", HOW, "For chat templates that know it.  auto: as the template does by itself.",
            switch_or("auto", "--enable-thinking", "--disable-thinking", "--auto-thinking"), None),
    Setting("think-end-token", HOW, "Where thinking ends; what comes before is not scored.", forms.FREE_TEXT, None,
            "TEXT"),
    Setting("max-length", HOW, "Longest sequence in tokens. auto: the model's.", forms.whole_number_or("auto", 2),
            None, "N"),
    Setting("seed", HOW, "One seed, or lm-eval's four joined by commas.", forms.SEEDS, DEFAULT_SEEDS, "N",
            attribute="seeds"),
    Setting("timeout", MACHINE, "End a worker that shows no sign of life for so long.", forms.DURATION, None, "30min",
            page="review", at_resume=True),
    Setting("skip-stalled", MACHINE, "With --timeout: give up on stalled samples and continue.",
            switch("--skip-stalled", "--no-skip-stalled"), False, at_resume=True),
    Setting("batch-size", MACHINE, "Sequences at once; auto goes by free memory and model size.",
            forms.whole_number_or("auto", 1, "auto"), "auto", "N", page="batch"),
    Setting("dtype", MACHINE, "auto, float32, float16 or bfloat16: precision of the weights in memory.",
            forms.choice("auto", "float32", "float16", "bfloat16"), "auto", "NAME"),
    Setting("device", MACHINE, "cuda, cuda:1, mps, cpu.", forms.NAME, "auto", "NAME"),
    Setting("workers", MACHINE, "Worker processes that answer samples at the same time, each with the model in its "
            "memory. auto: one for each of --devices.", forms.whole_number_or("auto", 1, "auto"), "auto", "N",
            at_resume=True),
    Setting("devices", MACHINE, "The GPUs that workers are put on in turn, as CUDA numbers them; auto: all that there "
            "are; cpu: none of them. none: what --device says, for one worker.", forms.DEVICES, None, "0,1",
            aliases=(Alias("--num-gpus", devices_of_count),), at_resume=True),
    Setting("models-at-once", MACHINE, "With --model all: models that are evaluated at the same time, on --devices in "
            "turn or on parts of the processor. auto: one for each of --devices.",
            forms.whole_number_or("auto", 1, "auto"), "auto", "N"),
    Setting("model-parallel", MACHINE, "GPUs that hold one worker's model together, where one is too small. auto: all "
            "that there are, shared out among the workers; off: one.", forms.DEVICES_EACH, None, "N|auto|off",
            at_resume=True),
    Setting("cluster", MACHINE, "Put the workers on the cluster of Ray that this machine is in: HOST:PORT, or auto, "
            "which looks itself, in RAY_ADDRESS first. none: on this machine.", forms.named("none"), None,
            "ADDRESS", at_resume=True),
    Setting("backend", MACHINE, "What makes the model answer.", forms.NAME, DEFAULT_BACKEND, "NAME", page="format"),
    Setting("server", MACHINE, "With a backend that asks a server: its URL. auto: where the backend looks by itself.",
            forms.named("auto"), None, "URL", page="format"),
    Setting("python", MACHINE, "Python of another environment that the worker runs in.  auto: what your benchtui.toml "
            "says for the backend; own: benchtui's.", forms.named("auto"), None, "PATH", key="", at_resume=True),
    *(Setting(own.name, TWO_MODELS if own in OF_TWO else MACHINE, own.help,
              forms.choice(*own.choices) if own.choices else forms.NAME, own.default, own.metavar,
              aliases=_ALIASES.get(own.name, ()))
      for own in {own.name: own for backend in BUILT_IN.values() for own in backend.settings}.values()),
    Setting("model-args", MACHINE, "More arguments of what loads the model (backend hf: of lm-eval's hf model); may be "
            "repeated.", forms.MODEL_ARGUMENTS, {}, "K=V"),
    Setting("offline", MACHINE, "Use only what is cached; connect to nothing.", switch("--offline", "--no-offline"),
            False),
    Setting("trust-remote-code", ALLOW, "Let the model's repository run its own code.",
            switch("--trust-remote-code", "--no-trust-remote-code"), False, permission="remote_code", at_resume=True),
    Setting("allow-pickle", ALLOW, "Load pickled weights, which can run code.",
            switch("--allow-pickle", "--no-allow-pickle"), False, permission="pickle", at_resume=True),
    Setting("confirm-unsafe-code", ALLOW, "Allow tasks that execute what the model wrote.",
            switch("--confirm-unsafe-code", "--no-confirm-unsafe-code"), False, permission="unsafe_code",
            at_resume=True),
    Setting("allow-metric-code", ALLOW, "Run the Python files that are named as metrics.",
            switch("--allow-metric-code", "--no-allow-metric-code"), False, permission="metric_code", only_typed=True,
            at_resume=True),
    Setting("resume", MACHINE, "Resume an unfinished run of this plan.",
            switch_or("ask", "--resume", "--no-resume", "--ask-resume"), None),
    Setting("detach", MACHINE, "Start in the background and return; watch with `benchtui attach`.",
            switch("--detach", "--no-detach"), False, at_resume=True),
    Setting("json", OUTPUT, "Print every event as a line of JSON.", switch("--json", "--no-json"), False,
            at_resume=True),
    Setting("no-readme", OUTPUT, "Leave the model's README files alone.", switch("--no-readme", "--readme"), False,
            attribute="", at_resume=True),
)  # fmt: skip

SETTING: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in SETTINGS})
"""By name."""

OF_OWN_DATA: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if setting.section == DATA)
"""Which data of the user's own are evaluated, and how they are read."""

FILE_KEYS: Mapping[str, Setting] = MappingProxyType({row.file_key: row for row in SETTINGS if row.file_key})
"""By their names in benchtui.toml."""

PERMISSIONS: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if setting.permission)
"""Decisions about running other people's code: a flag or the environment for one run, never a file that stays."""
