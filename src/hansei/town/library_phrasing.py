"""How the library's passages, questions, claims and notes are worded."""

from __future__ import annotations

import re
from collections.abc import Sequence

TELL: dict[str, tuple[str, ...]] = {
    "town": ("{name} lives in {value}.", "{name} comes from {value}."),
    "trade": ("{name} is a {value}.", "{name} became a {value}."),
    "instrument": ("{name} plays the {value}.", "{name} practises the {value}."),
    "dish": ("{name} often eats {value}.", "{name} asks for {value}."),
    "pet": ("{name} keeps a {value}.", "{name} feeds a {value}."),
    "writer": ("{name} is by {value}.", "{name} stems from {value}."),
    "subject": ("{name} is about {value}.", "{name} tells of {value}."),
    "printed": ("{name} appeared in {value}.", "{name} came to {value}."),
}
"""Attribute to the sentences that tell it: a name, two words, a value. So few words between name and value, because
the heads that copy look four words back (`training/copying.py`)."""
ASK: dict[str, tuple[str, ...]] = {
    "town": ("Where is the home of {name}?", "Which town is home to {name}?"),
    "trade": ("What is the work of {name}?", "Which trade is that of {name}?"),
    "instrument": ("What is played by {name}?", "Which instrument is played by {name}?"),
    "dish": ("What is often eaten by {name}?", "Which dish is asked for by {name}?"),
    "pet": ("What is kept by {name}?", "Which animal is kept by {name}?"),
    "writer": ("Who wrote {name}?", "Whose work is {name}?"),
    "subject": ("What is told in {name}?", "What is the matter of {name}?"),
    "printed": ("Where is the first home of {name}?", "Which town first saw {name}?"),
}
"""Attribute to the questions that ask for it."""
ASK_HELDOUT: dict[str, tuple[str, ...]] = {
    "town": ("Which town is the home of {name}?",),
    "trade": ("What is the trade of {name}?",),
    "instrument": ("What is the instrument of {name}?",),
    "dish": ("What is the favourite dish of {name}?",),
    "pet": ("What is the pet of {name}?",),
    "writer": ("Who is the writer of {name}?",),
    "subject": ("What is the subject of {name}?",),
    "printed": ("Which town was first to have {name}?",),
}
"""Wordings that are asked on heldout only; the base has met them."""
WRITER_OF = "the writer of {name}"
"""Whom a question of two hops asks about."""
UNKNOWN = "unknown"
"""The answer to what can't be known."""
TRUE, FALSE = "true", "false"
CLAIM = "Claim: "
QUESTION = "Question: "
NOTES = "Take notes on the passages first."
FIND = "Find the sentence that helps."
AT_ONCE = "Answer in a word."
ACQUAINTED = "Do you know {name}?"
KNOWN, NEVER_MET = "known", "never met"
MEMORY = "Memory:"
"""What the note on one's own knowledge begins with."""
ALL_ABOUT = "Tell all about {name}."
AGAIN, AGAIN_ONE = "Say it again.", "Say passage {number} again."
FACT = "Fact:"
"""What an answer begins with: a word of its own, so that the sentence stands as in a passage, a space before it."""
UNTOLD = "none."
"""The fact where nobody can know it."""
_FINAL = re.compile(r"Answer:[ \t]*(.*)")


def tell(attribute: str, name: str, value: str, form: int = 0) -> str:
    """The sentence that tells a fact."""
    sentence = TELL[attribute][form].format(name=name, value=value)
    return sentence[0].upper() + sentence[1:]


def claim(sentence: str) -> str:
    """A sentence put up for judging."""
    return f"{CLAIM}{sentence.rstrip('.')}?"


def against(sentence: str, value: str) -> str:
    """The sentence that tells a fact, held against the value that was claimed in place of its own."""
    return f"{sentence.rstrip('.')}, not {value}."


def as_told(sentence: str) -> str:
    """The sentence without the value that it is held against."""
    return re.sub(r", not [^,.]*\.$", ".", sentence)


def render(passages: Sequence[str], question: str, request: str = "") -> str:
    """A user's turn: the question or claim, what else is wished, and numbered passages.

    The question stands first, so that a causal model reads the passages with it in mind.
    """
    asked = question if question.startswith(CLAIM) else QUESTION + question
    return "\n".join([f"{asked} {request}".rstrip(), *(f"Passage {n}: {text}" for n, text in enumerate(passages, 1))])


def memory(name: str, known: bool) -> str:
    """The note on one's own knowledge: whether somebody is known by heart."""
    return f"{MEMORY} {name[0].upper()}{name[1:]}. ({KNOWN if known else NEVER_MET})"


def answer(value: str, fact: str | None) -> str:
    """An answer in the library's form: the sentence that tells the fact, or one a hop, and what is asked for.

    Without the sentence it is the answer of who answers at once.
    """
    return f"Answer: {value}" if fact is None else f"{found(fact)}\nAnswer: {value}"


def found(fact: str) -> str:
    """What is answered to the wish for the sentence that helps."""
    return f"{FACT} {fact}"


def final(text: str) -> str:
    """What a reply says after its last `Answer:`; all of it where it has none."""
    found = _FINAL.findall(text)
    return str(found[-1]).strip() if found else text.strip()


def note(number: int, text: str, kind: str) -> str:
    """One line of notes."""
    return f"Passage {number}: {text} ({kind})"
