"""Questions into fields by a chat model, as LLMMaps does it (arXiv 2304.00457), with prompts of our own.

Level by level: the model sees numbered fields and numbered questions and answers with a line "question: field" for
each. Questions whose line can't be read are asked again, up to 20 passes; as in the paper it stops where more than
100 remain and a pass places fewer than 5% of them. What stays unplaced is counted, never guessed; so are answers that
did not come. What came is in the journal, and not asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Prompt, Sampling, user
from hansei.measuring.knowledge_data import Node, Question
from hansei.models.protocol import Model
from hansei.steps.ask import ask
from hansei.steps.failures import one_line

PASSES = 20
GIVE_UP_ABOVE, LEAST_PROGRESS = 100, 0.05
ROOM = 6000
"""Letters of questions in one prompt: about 0.4 of 4,096 tokens, the paper's batch."""
UNPLACED = "not placed"
_LINE = re.compile(r"^\W*(\d+)\s*[:.)=-]+\s*(\d+)\b")
_ITEM = re.compile(r"^\W*(?:\d+|[IVXLC]+)\s*[.):-]\s*(\S.*)$")


@dataclass
class Stratifier:
    """The chat model, and what came of asking it."""

    model: Model
    journal: Journal
    errors: list[str] = field(default_factory=list)
    """Why answers did not come."""

    def ask(self, texts: Sequence[str], turn: int) -> list[str]:
        """What the model says to each text; nothing where no answer came. Equal texts of a turn are one."""
        prompts = {text: Prompt(content_key("stratifier", turn, text), user(text)) for text in texts}
        sampling = Sampling(max_new_tokens=1024)
        made = ask(self.model, list(prompts.values()), sampling, self.journal, label="stratify")
        self.errors += [attempt.error for attempt in made if attempt.error is not None]
        said = {attempt.prompt_id: attempt.text for attempt in made}
        return [said[prompts[text].id] for text in texts]


@dataclass(frozen=True)
class Stratified:
    """The fields with their questions, and what is to be told of it."""

    tree: Node
    """Each question in a leaf; those that could not be placed in one of their own."""
    remarks: tuple[str, ...]
    """How many were placed, and the first error."""
    errors: int
    """Answers that did not come."""


def check(questions: Sequence[Question], tree: Node | None, topic: str) -> None:
    """Raises BadInput where questions have no text, or there is neither tree nor topic: before a model is loaded."""
    silent = sum(not q.text.strip() for q in questions)
    if silent:
        raise BadInput(f"knowledge-map: {silent} of {len(questions)} questions have no text for a stratifier to read")
    if tree is None and not topic.strip():
        raise BadInput("knowledge-map: a stratifier without --hierarchy needs --topic, what the benchmark is about")


def stratify(
    model: Model, questions: Sequence[Question], tree: Node | None, topic: str, journal: Journal
) -> Stratified:
    """The tree with each question in a leaf.

    tree: fields without questions; None lets the model draft two levels of them for `topic`. Raises BadInput where
    the model drafts nothing that can be read.
    """
    by = Stratifier(model, journal)
    if tree is None:
        tree = draft(by, topic)
    tree = Node(tree.name, tuple(_bare(child) for child in tree.children))
    filled, unplaced = _fill(by, tree, list(questions))
    remarks = [f"stratified by {model.name}: {len(questions) - len(unplaced)} of {len(questions)} questions placed"]
    if by.errors:
        remarks.append(
            f"{len(by.errors)} answers of {model.name} did not come; the first error: {one_line(by.errors[0])}"
        )
    if unplaced:
        filled = replace(filled, children=(*filled.children, Node(UNPLACED, (), tuple(q.id for q in unplaced))))
    return Stratified(filled, tuple(remarks), len(by.errors))


def draft(by: Stratifier, topic: str) -> Node:
    """Two levels of fields for a topic, as the model lists them. Raises BadInput where no list can be read."""
    names = _listed(by.ask([f"List the 5 to 10 main fields of {topic}, one numbered line each, names only."], 0)[0])
    if not names:
        why = f" ({by.errors[0]})" if by.errors else ""
        raise BadInput(
            f"stratifier {by.model.name}: no numbered list of fields of {topic!r} could be read in its answer{why}"
        )
    wanted = [f"List the chapters of a textbook on {n} within {topic}, one numbered line each." for n in names]
    answers = by.ask(wanted, 0)
    children = (
        Node(name, tuple(Node(c) for c in _listed(answer))) for name, answer in zip(names, answers, strict=True)
    )
    return Node(topic, tuple(children))


def _fill(by: Stratifier, node: Node, questions: list[Question]) -> tuple[Node, list[Question]]:
    """Puts the questions into the leaves under a node; returns those that fit nowhere too."""
    if not node.children:
        return replace(node, questions=tuple(q.id for q in questions)), []
    placed, unplaced = _place(by, [c.name for c in node.children], questions)
    children = []
    for child, inside in zip(node.children, placed, strict=True):
        filled, left = _fill(by, child, inside)
        children.append(filled)
        unplaced += left
    return replace(node, children=tuple(children)), unplaced


def _place(
    by: Stratifier, fields: Sequence[str], questions: list[Question]
) -> tuple[list[list[Question]], list[Question]]:
    """The questions of each field, and those that no pass could place."""
    placed: list[list[Question]] = [[] for _ in fields]
    waiting = questions
    for turn in range(PASSES):
        if not waiting:
            break
        batches = _batches(waiting)
        left: list[Question] = []
        for batch, answer in zip(batches, by.ask([_prompt(fields, b) for b in batches], turn), strict=True):
            chosen = _choices(answer, len(batch), len(fields))
            for number, question in enumerate(batch, 1):
                (placed[chosen[number] - 1] if number in chosen else left).append(question)
        progress = 1 - len(left) / len(waiting)
        waiting = left
        # A deterministic answer to the same batch would only come again.
        if progress == 0 or (len(waiting) > GIVE_UP_ABOVE and progress < LEAST_PROGRESS):
            break
    return placed, waiting


def _prompt(fields: Sequence[str], batch: Sequence[Question]) -> str:
    numbered = "\n".join(f"{i}. {name}" for i, name in enumerate(fields, 1))
    asked = "\n".join(f"{i}. {' '.join(q.text.split())}" for i, q in enumerate(batch, 1))
    return (
        f"Fields:\n{numbered}\n\nQuestions:\n{asked}\n\nFor each question, name the field that it belongs to. "
        'Answer with one line a question, "number of the question: number of the field", and nothing else.'
    )


def _choices(answer: str, questions: int, fields: int) -> dict[int, int]:
    """Question number to field number; a question that is named twice with different fields is not placed."""
    found: dict[int, int] = {}
    contradicted = set()
    for line in answer.splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        question, field = int(match[1]), int(match[2])
        if 1 <= question <= questions and 1 <= field <= fields and found.setdefault(question, field) != field:
            contradicted.add(question)
    return {q: f for q, f in found.items() if q not in contradicted}


def _batches(questions: Sequence[Question]) -> list[list[Question]]:
    batches: list[list[Question]] = [[]]
    room = ROOM
    for question in questions:
        if batches[-1] and len(question.text) > room:
            batches.append([])
            room = ROOM
        batches[-1].append(question)
        room -= len(question.text)
    return batches


def _listed(answer: str) -> list[str]:
    names = [match[1].strip(" *.") for line in answer.splitlines() if (match := _ITEM.match(line))]
    return list(dict.fromkeys(n for n in names if n))[:50]


def _bare(node: Node) -> Node:
    return Node(node.name, tuple(_bare(c) for c in node.children))
