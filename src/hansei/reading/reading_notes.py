"""Chain-of-Note: a note on each passage, then the answer, in one call (arXiv 2311.09210).

A model that answers from retrieved passages is misled by those that do not help, and answers where nothing it has
read or knows tells the answer. Here it first writes a note on each passage that says what the passage is good for:
it answers, it gives context to what the model knows, or it is irrelevant. Where none answers, a last note says whether
the model knows the matter by itself; where it does not, the answer is "unknown". A model is tuned to do so (`lessons`,
`TAIL`), or is asked for it.

    hansei answer reading-notes --model M --questions FILE --passages FOLDER --out RUN
    hansei papers run reading-notes

What differs from the paper: notes are one line a passage with their kind at the end, so that they can be read back
as records (`Note`), what the model knows by itself has a line of its own, and the request is in our words. That half of
the steps learn notes and answer and half the answer alone, and that in hybrid training half of the examples have no
notes, is from memory of the paper: both are settings. The paper's students are of seven billion parameters and learn
from the notes of a large model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from hansei.core.errors import BadInput
from hansei.core.records import Message, Prompt, to_json
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod
from hansei.steps.answering_plain import passages_of, shown
from hansei.town import library_phrasing
from hansei.town.districts import district_of

VERSION = "1"
Kind = Literal["answers", "context", "irrelevant"]
ANSWER = "Answer:"
"""What stands before the answer, and where the tail of a lesson begins."""
UNKNOWN = library_phrasing.UNKNOWN
"""The answer where nothing that was read or is known tells it."""
INSTRUCTION = f"""\
Read the question and the passages, and do this:
1. Write one line of notes on each passage, in order: what it tells that bears on the question, or what it is about.
2. End each line with its use in brackets: (answers) if the passage answers the question, (context) if it only helps \
to work the answer out together with what you know, (irrelevant) if it does neither.
3. If no passage answers, write a line that says what you know of the matter yourself, and end it with \
({library_phrasing.KNOWN}) or ({library_phrasing.NEVER_MET}).
4. If passages help, answer briefly from them. If none does, answer from what you know.
5. If neither the passages nor what you know tells the answer, answer "{UNKNOWN}".
Write exactly in this form:
Passage 1: NOTE (answers, context or irrelevant)
Passage 2: …
{library_phrasing.MEMORY} NOTE ({library_phrasing.KNOWN} or {library_phrasing.NEVER_MET})
{ANSWER} THE ANSWER, IN A FEW WORDS"""
"""What a model that has not been tuned is asked for."""
PLAIN = f"""\
Answer the question briefly, from the passages or from what you know. If neither tells the answer, answer "{UNKNOWN}". \
Write exactly in this form:
{ANSWER} THE ANSWER, IN A FEW WORDS"""
"""The same without notes: what the method is compared with."""
_NOTE = re.compile(r"^\W*Passage\s+(\d{1,4})\s*[:.]\s*(.*?)\s*[(\[]\s*(answers|context|irrelevant)\s*[)\]]\W*$", re.I)
_OWN = f"{library_phrasing.KNOWN}|{library_phrasing.NEVER_MET}"
_MEMORY = re.compile(
    rf"^\W*{library_phrasing.MEMORY}\s*(.*?)\s*[(\[]\s*({_OWN})\s*[)\]]\W*$",
    re.I,
)
_ANSWER = re.compile(rf"^\W*{ANSWER}[ \t*]*(.*?)[\s.*]*$", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader notes on one passage."""

    passage: str
    """Id of the passage."""
    kind: Kind
    """What the passage is good for."""
    text: str
    """The note."""
    span: str | None = None
    """The answer as it stands in the note; None where the passage does not answer, or says it in other words."""


@dataclass(frozen=True)
class Reading:
    """A reply, read back."""

    notes: tuple[Note, ...]
    """Of the passages that have one, in the order in which they were written."""
    answer: str
    """What stands after the last `Answer:`; else what is left of the reply without its notes."""
    known: bool | None = None
    """What the note on the reader's own knowledge says; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer reading-notes`."""

    notes: bool = True
    """Take notes before the answer; off is the same question without: the baseline, and hybrid students' short way."""
    instruction: str | None = None
    """What the model is asked for before the passages, in place of hansei's own words; the form of notes and answer
    stays the same. Empty for a student that knows what to do."""


def make(settings: Settings, wording: Wording | None = None) -> ThinkingMethod:
    """Notes and answer in one call; the notes are a step of the trace, as JSON.

    `wording` is how the question is put, where not as the settings say.
    """
    wording = wording or wording_of(settings)

    def think(prompt: Prompt) -> Thinking:
        chat = (*prompt.messages[:-1], Message("user", wording.turn(prompt)))
        (reply,) = yield Ask((chat,), settings.sampling, "notes and answer" if settings.notes else "answer")
        reading = read(reply.text, [str(p["id"]) for p in passages_of(prompt)])
        if settings.notes:
            yield Did("notes", json.dumps(to_json(reading.notes), ensure_ascii=False))
            if reading.known is not None:
                yield Did("memory", library_phrasing.KNOWN if reading.known else library_phrasing.NEVER_MET)
        return reading.answer

    name = "reading-notes" if settings.notes else "reading-plain"
    return ThinkingMethod(name, VERSION, think, {"sampling": settings.sampling, "wording": wording})


@dataclass(frozen=True)
class Wording:
    """How a question with passages is put."""

    before: str = ""
    """Stands before the passages."""
    after: str = ""
    """Stands after the question, on its line."""

    def turn(self, prompt: Prompt) -> str:
        """The user's turn: `Passage N: TITLE: TEXT`, a line each, then `Question: …`."""
        texts = [shown(passage) for passage in passages_of(prompt)]
        asked = library_phrasing.render(texts, prompt.messages[-1].content, self.after)
        return f"{self.before}\n\n{asked}" if self.before else asked


NOTED, SHORT = Wording(after=library_phrasing.NOTES), Wording()
"""How the library's base and its students are asked for notes, and for the sentence that tells the answer, first."""
AT_ONCE = Wording(after=library_phrasing.AT_ONCE)
"""How they are asked for the answer and nothing before it."""


def wording_of(settings: Settings) -> Wording:
    """The library's own words for its base; the instruction for any other model."""
    if settings.instruction is not None:
        return Wording(before=settings.instruction.strip())
    if district_of(settings.model) == "library":
        return NOTED if settings.notes else SHORT
    return Wording(before=INSTRUCTION if settings.notes else PLAIN)


def read(text: str, passages: Sequence[str]) -> Reading:
    """The notes and the answer in a reply to a question with these passages (their ids).

    A line that is no note (another form, a number without passage) stays part of the rest; the first note on a
    passage counts. Nothing is guessed: a reply without `Answer:` is answered by what is left of it.
    """
    found = _ANSWER.findall(text)
    notes: dict[str, Note] = {}
    known: bool | None = None
    rest = []
    for line in text.splitlines():
        if own := _MEMORY.match(line):
            known = own[2].lower() == library_phrasing.KNOWN
            continue
        match = _NOTE.match(line)
        number = int(match[1]) if match else 0
        if match is None or not 1 <= number <= len(passages):
            rest.append(line)
            continue
        kind: Kind = next(k for k in get_args(Kind) if k == match[3].lower())
        notes.setdefault(passages[number - 1], Note(passages[number - 1], kind, match[2]))
    answer = found[-1].strip() if found else "\n".join(rest).strip()
    return Reading(tuple(_with_span(note, answer) for note in notes.values()), answer, known)


def _with_span(note: Note, answer: str) -> Note:
    at = note.text.lower().find(answer.lower()) if answer and note.kind == "answers" else -1
    return note if at < 0 else Note(note.passage, note.kind, note.text, note.text[at : at + len(answer)])


def written(
    notes: Sequence[Note], answer: str, passages: Sequence[str], fact: str | None = None, memory: str | None = None
) -> str:
    """Notes and answer as a model is to write them.

    `memory` is the line on the reader's own knowledge, `fact` the sentence that the library's answers begin with.

    Raises BadInput at a note on a passage that is not there.
    """
    places = {passage: number for number, passage in enumerate(passages, 1)}
    unknown = [note.passage for note in notes if note.passage not in places]
    if unknown:
        raise BadInput(f"notes: passage {unknown[0]!r} is none of the question's: {', '.join(passages)}")
    lines = [library_phrasing.note(places[note.passage], note.text, note.kind) for note in notes]
    return "\n".join([*lines, *([memory] if memory else []), library_phrasing.answer(answer, fact)])
