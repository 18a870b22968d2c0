"""Lessons for reading notes: from what is known of the passages, or from a teacher that takes notes itself."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Lesson, Message, Prompt
from hansei.judges.reference import normalise, references
from hansei.models.protocol import Model
from hansei.reading.reading_notes import (
    ANSWER,
    AT_ONCE,
    NOTED,
    SHORT,
    UNKNOWN,
    Note,
    Reading,
    Settings,
    Wording,
    make,
    read,
    written,
)
from hansei.steps.answering import answer
from hansei.steps.answering_plain import passages_of
from hansei.town import library_phrasing
from hansei.training.sft import TailLoss

TAIL = TailLoss(ANSWER, share=0.5)
"""Half of the steps learn notes and answer, half the answer alone with the notes before it."""
LIBRARY_TAIL = TailLoss(library_phrasing.FACT, share=0.5)
"""The same for the library's students, whose answers begin with the sentence that tells the fact."""
EQUAL = TailLoss(ANSWER, share=0.0)
"""Every step learns notes and answer, token by token: what the paper says is worse."""
HYBRID = 0.5
"""Share of the lessons without notes in hybrid training, so that the student can also answer at once."""


def from_truth(prompts: Sequence[Prompt]) -> dict[str, tuple[Note, ...]]:
    """Prompt id to the notes that a careful reader takes, from the truth's `kinds` and `notes`; for the town."""
    found = {}
    for prompt in prompts:
        truth = prompt.truth or {}
        if len(truth.get("kinds", ())) != len(passages_of(prompt)):
            raise BadInput(f"prompt {prompt.id}: its truth has no kind for every passage: take notes by a teacher")
        rows = zip(passages_of(prompt), truth["kinds"], truth["notes"], strict=True)
        found[prompt.id] = tuple(
            Note(str(p["id"]), kind, text, prompt.reference if kind == "answers" else None) for p, kind, text in rows
        )
    return found


@dataclass(frozen=True)
class FromTeacher:
    """A teacher's notes, and what became of the rest."""

    notes: Mapping[str, tuple[Note, ...]]
    """Prompt id to notes, for the replies that can be learnt from."""
    dropped: Mapping[str, int]
    """Replies left out, by reason: no answer came, another answer than the reference, a passage without a note."""


def from_teacher(teacher: Model, prompts: Sequence[Prompt], settings: Settings, journal: Journal) -> FromTeacher:
    """Asks a teacher for notes and keeps those of replies that answer rightly and note every passage.

    A right answer is the reference after normalisation, or an alias; where the truth says `answerable: false` it is
    "unknown". `settings` are those of `hansei answer reading-notes` with the teacher as model.
    """
    attempts = answer(teacher, prompts, make(settings), journal, label="teacher")
    notes: dict[str, tuple[Note, ...]] = {}
    dropped: Counter[str] = Counter()
    for prompt, attempt in zip(prompts, attempts, strict=True):
        ids = [str(p["id"]) for p in passages_of(prompt)]
        said = next((e.text for e in attempt.trace if e.label == "notes and answer"), "")
        reading = read(said, ids)
        reason = "no answer came" if attempt.error is not None else _unfit(prompt, reading, ids)
        if reason:
            dropped[reason] += 1
        else:
            notes[prompt.id] = tuple(sorted(reading.notes, key=lambda note: ids.index(note.passage)))
    return FromTeacher(notes, dict(dropped))


def _unfit(prompt: Prompt, reading: Reading, ids: Sequence[str]) -> str:
    right = references(prompt) if (prompt.truth or {}).get("answerable", True) else [normalise(UNKNOWN)]
    if normalise(reading.answer) not in right:
        return "another answer than the reference"
    return "" if len(reading.notes) == len(ids) else "a passage without a note"


def lessons(
    prompts: Sequence[Prompt],
    notes: Mapping[str, Sequence[Note]],
    *,
    without: float = 0.0,
    seed: int = 0,
    noted: Wording = NOTED,
    short: Wording = SHORT,
) -> list[Lesson]:
    """One lesson for each prompt that has notes; a seeded share of them, `without`, asks for the answer alone.

    `without` is 1 for the baselines, `HYBRID` for hybrid training. Where a prompt's truth holds a `fact`, the sentence
    that tells the answer, that stands before the answer, but not where `short` asks for it `AT_ONCE`; where it holds
    a `memory`, that is the last of the notes. Raises BadInput at a prompt without a reference.
    """
    chosen = [prompt for prompt in prompts if prompt.id in notes]
    order = random.Random(f"lessons without notes {seed}").sample(chosen, len(chosen))
    plain = {prompt.id for prompt in order[: round(without * len(chosen))]}
    return [
        _lesson(prompt, None if prompt.id in plain else notes[prompt.id], short if prompt.id in plain else noted)
        for prompt in chosen
    ]


def _lesson(prompt: Prompt, notes: Sequence[Note] | None, wording: Wording) -> Lesson:
    if not prompt.reference:
        raise BadInput(f"prompt {prompt.id}: it has no answer to learn")
    ids = [str(p["id"]) for p in passages_of(prompt)]
    chat = (*prompt.messages[:-1], Message("user", wording.turn(prompt)))
    truth = prompt.truth or {}
    fact = None if wording == AT_ONCE else truth.get("fact")
    text = written(notes or (), prompt.reference, ids, fact, None if notes is None else truth.get("memory"))
    return Lesson(
        id=content_key("reading lesson", chat, text),
        prompt=chat,
        completion=text,
        prompt_id=prompt.id,
        purpose="answer" if notes is None else "notes",
    )
