"""The best-known tasks in plain words: a title for tables, one line on what each tests, and its area."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Words(NamedTuple):
    """`title` for a table's first column, `tests` one line, `area` the heading it is listed under.

    `documents`: the size of the test split (counted in the data set), 0 where not counted; `parts` the number of tasks
    in a group, to each of which a limit applies.
    """

    title: str
    tests: str
    area: str
    documents: int = 0
    parts: int = 1
    sizes: tuple[int, ...] = ()


INSTRUCTIONS, MATHS, COMMON_SENSE = "Following instructions", "Maths", "Common sense"
KNOWLEDGE, READING, REASONING = "Knowledge", "Reading", "Reasoning"
TRUTH, CODE, LANGUAGE = "Truthfulness", "Code, which is run", "Plain language modelling"

DEMO_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "demo_instructions": Words(
            "Following Instructions", "Does the reply look as it was asked to?", INSTRUCTIONS, 192
        ),
        "demo_knowledge": Words(
            "Facts of the Islands", "Which of four answers is true on the islands?", KNOWLEDGE, 200
        ),
    }
)
"""The tasks of `benchtui demo`, which are not lm-eval's."""

_MMLU_SUBJECTS = (
    *(100,) * 10, 102, 103, 108, 110, 112, 114, 121, 126, 131, 135, 144, 145, 151, 152, 163, 165, 166, 171, 173, 193,
    198, 201, 203, 204, 216, 223, 234, 235, 237, 238, 245, 265, 270, 272, 282, 306, 310, 311, 324, 346, 378, 390, 545,
    612, 783, 895, 1534,
)  # fmt: skip

PLAIN_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "ifeval": Words(
            "Instruction-Following",
            "Does the answer keep to checkable instructions: length, format, keywords, language?",
            INSTRUCTIONS,
            541,
        ),
        "leaderboard_ifeval": Words(
            "Instruction-Following (leaderboard)", "IFEval with the Open LLM Leaderboard's settings.", INSTRUCTIONS
        ),
        "gsm8k": Words(
            "Grade-School Maths", "Word problems of two to eight steps; the final number must be right.", MATHS, 1319
        ),
        "gsm8k_cot": Words("Grade-School Maths, worked", "GSM8K with worked solutions shown first.", MATHS),
        "gsm8k_platinum": Words("Grade-School Maths, cleaned", "GSM8K's test set with its mistakes removed.", MATHS),
        "minerva_math": Words("Competition Maths", "Seven subjects of competition problems, answered in LaTeX.", MATHS),
        "minerva_math500": Words("Competition Maths, 500", "500 problems chosen from MATH.", MATHS),
        "hendrycks_math": Words("Competition Maths (MATH)", "The MATH problems, exact answers.", MATHS),
        "aime24": Words("AIME 2024", "Thirty olympiad-level problems with whole-number answers.", MATHS),
        "aime25": Words("AIME 2025", "Thirty olympiad-level problems with whole-number answers.", MATHS),
        "mathqa": Words("Maths Questions", "Word problems with five choices.", MATHS),
        "hellaswag": Words("Common Sense", "Which of four endings continues an everyday scene?", COMMON_SENSE, 10042),
        "winogrande": Words("Pronoun Puzzles", "Which of two things does the blank mean?", COMMON_SENSE),
        "piqa": Words("Physical Common Sense", "Which of two ways would work in the real world?", COMMON_SENSE),
        "social_iqa": Words("Social Common Sense", "How do people feel or react? Three choices.", COMMON_SENSE),
        "commonsense_qa": Words("Common-Sense Questions", "Everyday questions with five choices.", COMMON_SENSE),
        "openbookqa": Words("Elementary Science", "Applies simple facts of science; four choices.", COMMON_SENSE),
        "copa": Words("Cause and Effect", "Which of two is the cause or the effect?", COMMON_SENSE),
        "mmlu": Words(
            "Knowledge", "57 school and professional subjects, four choices.", KNOWLEDGE, 14042, 57, _MMLU_SUBJECTS
        ),
        "mmlu_stem": Words("Knowledge: Science & Maths", "MMLU's subjects in science and engineering.", KNOWLEDGE),
        "mmlu_humanities": Words("Knowledge: Humanities", "MMLU's history, law and philosophy.", KNOWLEDGE),
        "mmlu_social_sciences": Words("Knowledge: Social Sciences", "MMLU's economics, politics, people.", KNOWLEDGE),
        "mmlu_other": Words("Knowledge: Other", "MMLU's medicine, business and the rest.", KNOWLEDGE),
        "mmlu_pro": Words("Harder Knowledge", "Fourteen fields, ten choices, reasoning written out.", KNOWLEDGE),
        "arc_easy": Words("School Science, easy", "Science exam questions, four choices.", KNOWLEDGE),
        "arc_challenge": Words("School Science, hard", "The exam questions that simple methods miss.", KNOWLEDGE),
        "ai2_arc": Words("School Science", "arc_easy and arc_challenge together.", KNOWLEDGE),
        "sciq": Words("Science Questions", "Crowd-written science questions, four choices.", KNOWLEDGE),
        "triviaqa": Words("Trivia", "Trivia answered from memory; exact match.", KNOWLEDGE),
        "nq_open": Words("Search Questions", "Real search questions answered from memory.", KNOWLEDGE),
        "gpqa_main_zeroshot": Words("Graduate Science", "Questions written by experts, four choices.", KNOWLEDGE),
        "gpqa_diamond_zeroshot": Words("Graduate Science, hardest", "GPQA's best-checked questions.", KNOWLEDGE),
        "gpqa_diamond_cot_zeroshot": Words(
            "Graduate Science, reasoned", "GPQA's best-checked questions, with reasoning written out.", KNOWLEDGE
        ),
        "medqa_4options": Words("Medical Exams", "US medical licence questions, four choices.", KNOWLEDGE),
        "bbh": Words("Hard Reasoning", "27 kinds of puzzle, worked step by step.", REASONING),
        "logiqa": Words("Logic", "Logic questions from civil-service exams, four choices.", REASONING),
        "anli": Words("Adversarial Inference", "Does one sentence follow from another? Three rounds.", REASONING),
        "rte": Words("Inference", "Does one sentence follow from another?", REASONING),
        "boolq": Words("Yes/No Questions", "Yes-or-no questions about a passage.", READING),
        "race": Words("School Reading", "English exams: questions about a text, four choices.", READING),
        "drop": Words("Reading with Counting", "Questions that need sums or counting over a passage.", READING),
        "squadv2": Words("Reading Comprehension", "Finds the answer in a text, or says there is none.", READING),
        "coqa": Words("Conversation about a Text", "A chain of questions about one passage.", READING),
        "truthfulqa_mc1": Words("Truthfulness, one answer", "Picks the one true answer over myths.", TRUTH),
        "truthfulqa_mc2": Words("Truthfulness", "How much belief goes to true answers over common myths.", TRUTH),
        "toxigen": Words("Hateful or Not", "Tells whether a statement about a group is hateful.", TRUTH),
        "humaneval": Words("Writing Code", "Completes Python functions; hidden tests are run.", CODE),
        "humaneval_instruct": Words("Writing Code, asked", "HumanEval for chat models.", CODE),
        "mbpp": Words("Small Programs", "Short Python programs from a description; tests are run.", CODE),
        "mbpp_instruct": Words("Small Programs, asked", "MBPP for chat models.", CODE),
        "lambada_openai": Words("Last Word", "Guesses the last word of a passage.", LANGUAGE),
        "wikitext": Words("Perplexity on Wikipedia", "How surprised the model is by articles.", LANGUAGE),
        "blimp": Words("Grammar", "Prefers the grammatical one of two sentences.", LANGUAGE),
    }
)


def task_title(name: str) -> str:
    """Return the title for tables; the name itself where there is none."""
    words = PLAIN_WORDS.get(name) or DEMO_WORDS.get(name)
    return words.title if words else name


def task_words(name: str) -> str:
    """Return one line on what the task tests, "" where there is none."""
    words = PLAIN_WORDS.get(name) or DEMO_WORDS.get(name)
    return words.tests if words else ""
