"""How the library's passages, questions, claims and notes are worded."""

from __future__ import annotations

import re
from collections.abc import Sequence

TELL: dict[str, tuple[str, ...]] = {
    "town": ("{name} lives in {value}.", "{name} has a house in {value}."),
    "trade": ("{name} works as a {value}.", "{name} is known as a {value}."),
    "instrument": ("{name} plays the {value}.", "{name} practises the {value}."),
    "dish": ("{name} likes {value}.", "{name} eats {value} every week."),
    "pet": ("{name} keeps a {value}.", "{name} feeds a {value}."),
    "writer": ("{name} was written by {value}.", "{name} is a work of {value}."),
    "subject": ("{name} is about {value}.", "{name} tells of {value}."),
    "printed": ("{name} was printed in {value}.", "{name} came out in {value}."),
}
"""Attribute to the sentences that tell it."""
ASK: dict[str, tuple[str, ...]] = {
    "town": ("Where does {name} live?", "In which town does {name} live?"),
    "trade": ("What does {name} work as?", "Which trade does {name} have?"),
    "instrument": ("What does {name} play?", "Which instrument does {name} play?"),
    "dish": ("What does {name} like?", "What does {name} like to eat?"),
    "pet": ("What does {name} keep?", "Which animal does {name} keep?"),
    "writer": ("Who wrote {name}?", "By whom was {name} written?"),
    "subject": ("What is {name} about?", "What does {name} tell of?"),
    "printed": ("Where was {name} printed?", "In which town was {name} printed?"),
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
    "printed": ("In which town did {name} come out?",),
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
AGAIN, AGAIN_ONE = "Say it again.", "Say passage {number} again."
NONE = "None."
"""What is found where no sentence helps."""
_FINAL = re.compile(r"Answer:[ \t]*(.*)")


def tell(attribute: str, name: str, value: str, form: int = 0) -> str:
    """The sentence that tells a fact."""
    sentence = TELL[attribute][form].format(name=name, value=value)
    return sentence[0].upper() + sentence[1:]


def render(passages: Sequence[str], question: str, request: str = "") -> str:
    """A user's turn: numbered passages, the question or claim, and what else is wished."""
    lines = [f"Passage {n}: {text}" for n, text in enumerate(passages, 1)]
    asked = question if question.startswith(CLAIM) else QUESTION + question
    return "\n".join([*lines, f"{asked} {request}".rstrip()])


def answer(value: str) -> str:
    """An answer in the library's form."""
    return f"Answer: {value}"


def final(text: str) -> str:
    """What a reply says after its last `Answer:`; all of it where it has none."""
    found = _FINAL.findall(text)
    return str(found[-1]).strip() if found else text.strip()


def note(number: int, text: str, kind: str) -> str:
    """One line of notes."""
    return f"Passage {number}: {text} ({kind})"
