"""What the model is asked by thought templates and tree search: for models that follow orders, and for the school.

Both wordings have the same marks (`Known:`, `Task:`, `Slots:`, `Steps:`, `Program:`, `Answer:`), so that replies are
read by one parser. The sentences are ours; the paper's prompts (arXiv 2406.04271, appendix A) ask for the same parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CATEGORIES = (
    "Text Comprehension",
    "Creative Language Generation",
    "Common Sense Reasoning",
    "Mathematical Reasoning",
    "Code Programming",
    "Application Scheduling",
)
"""The six categories of templates (section 3.3)."""
COARSE: Mapping[str, str] = {
    "Text Comprehension": "procedure",
    "Creative Language Generation": "procedure",
    "Common Sense Reasoning": "prompt",
    "Mathematical Reasoning": "program",
    "Code Programming": "program",
    "Application Scheduling": "prompt",
}
"""The coarse structure of a category, for tasks without a template (section 3.2)."""


@dataclass(frozen=True)
class Wording:
    """The requests of one kind of model; `{…}` are filled."""

    name: str
    """Stands in settings and content keys."""
    distil: str
    """Asks for what is known and what kind of task it is: {question}."""
    fill: str
    """Asks for the values of a template's slots: {template}, {question}, {distilled}."""
    follow: str
    """Asks for a solution along a template's steps: {template}, {question}."""
    template: str
    """Asks for a template of a solved problem: {question}, {explanation}."""
    solve: str
    """Chain-of-thought: {question}."""
    direct: str
    """The answer alone: {question}."""
    propose: str
    """Asks for the next step: {question}, {steps} (each with a space before it)."""
    judge: str
    """Asks how good a step is: {question}, {steps}, {step}."""
    judgement: int = 8
    """Longest judgement, in tokens; the school works a step out before it judges."""
    coarse: Mapping[str, str] = field(default_factory=dict)
    """A request for each coarse structure, for tasks without a template: {question}; `solve` where there is none."""
    values: Mapping[str, float] = field(default_factory=lambda: {"sure": 1.0, "likely": 0.5, "impossible": 0.0})
    """What a judged step is worth, by the first of these words in the judgement."""


SCHOOL = Wording(
    name="school",
    distil="Question: {question}\nDistil:",
    fill="Template: {slots}\nQuestion: {question}\n{distilled}\nSlots:",
    follow="Template: {slots}. {steps}\nQuestion: {question}\nExplanation:",
    template="Question: {question}\nExplanation: {explanation}\nTemplate:",
    solve="Question: {question}\nExplanation:",
    direct="Question: {question}\nAnswer:",
    propose="Question: {question}\nExplanation:{steps}\nNext step:",
    judge="Question: {question}\nExplanation:{steps}\nIs this step right? {step}",
    judgement=40,
)
"""The school's base has met exactly these."""

PLAIN = Wording(
    name="plain",
    distil=(
        "Read the question, and do not solve it. Write three lines.\n"
        "Known: every number or fact that the solution needs, and what it is.\n"
        "Task: the kind of task in general words, without this question's own numbers and names.\n"
        f"Category: one of {', '.join(CATEGORIES)}.\n\nQuestion: {{question}}"
    ),
    fill=(
        "A template solves tasks of this kind.\nTask: {task}\nSlots: {slots}\nSteps: {steps}\n\n"
        "Read its slots out of the question. Write one line `Slots: name = value, name = value`; a text or a list of "
        "texts goes in double quotes and square brackets. Do not solve the question.\n\n"
        "Question: {question}\n{distilled}"
    ),
    follow=(
        "Solve the question along these steps, and end with a line `Answer: ` and the answer alone.\n"
        "Task: {task}\nSlots: {slots}\nSteps: {steps}\n\nQuestion: {question}"
    ),
    template=(
        "From one solved question, write a template that solves every question of its kind. Write these parts:\n"
        "Task: the kind of task in general words, without this question's own numbers and names.\n"
        "Slots: a short name for each value that differs from question to question, and what it is, such as "
        "`a the price, b the number of days`.\n"
        "Steps: how such a question is solved, in terms of the slots.\n"
        "Program: a Python function `solve` whose arguments are the slots and which returns the answer, in a "
        "```python block, without input or output; `none` where no program can do it.\n\n"
        "Question: {question}\nSolution: {explanation}"
    ),
    solve="Solve the question step by step. End with a line `Answer: ` and the answer alone.\n\nQuestion: {question}",
    direct="Answer the question with the answer alone, without explanation.\n\nQuestion: {question}",
    propose=(
        "Write the next step of the solution, one sentence; where the solution is complete, write `Answer: ` and the "
        "answer alone.\n\nQuestion: {question}\nSolution so far:{steps}"
    ),
    judge=(
        "Is the last step of this solution right, and does it lead towards the answer? Say one word: sure, likely or "
        "impossible.\n\nQuestion: {question}\nSolution so far:{steps}\nLast step: {step}"
    ),
    coarse={
        "prompt": (
            "Say which facts and conditions of the question matter, weigh them one after another, then decide. End "
            "with a line `Answer: ` and the answer alone.\n\nQuestion: {question}"
        ),
        "procedure": (
            "Say what is wanted and in which form, write a procedure of numbered steps for it, and carry it out. End "
            "with a line `Answer: ` and the answer alone.\n\nQuestion: {question}"
        ),
        "program": (
            "Name the quantities, write down how each follows from the others, and compute them in order. End with a "
            "line `Answer: ` and the answer alone.\n\nQuestion: {question}"
        ),
    },
)
"""For models that follow instructions."""


def wording(name: str) -> Wording:
    """The wording of that name."""
    return {"school": SCHOOL, "plain": PLAIN}[name]
