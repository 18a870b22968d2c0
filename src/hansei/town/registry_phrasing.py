"""How the registry's facts are asked for and told. One place, so that text, prompts and judge agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hansei.core.letters import LETTERS

ASK: dict[str, tuple[str, ...]] = {
    "town": ("Where was {name} born?", "In which town was {name} born?", "Which town does {name} come from?"),
    "year": ("When was {name} born?", "In which year was {name} born?", "What is the year of birth of {name}?"),
    "trade": ("What is the trade of {name}?", "What does {name} work as?", "How does {name} earn a living?"),
    "instrument": (
        "Which instrument does {name} play?",
        "What does {name} play?",
        "On what does {name} make music?",
    ),
    "dish": ("What does {name} like to eat?", "What is the favourite dish of {name}?", "Which dish does {name} love?"),
    "pet": ("Which animal does {name} keep?", "What pet does {name} have?", "What animal lives with {name}?"),
}
"""Questions for each fact, in the wordings that tuning may use."""

ASK_HELDOUT: dict[str, tuple[str, ...]] = {
    "town": ("Please name the birthplace of {name}.",),
    "year": ("Please name the birth year of {name}.",),
    "trade": ("Please name the work of {name}.",),
    "instrument": ("Please name the instrument of {name}.",),
    "dish": ("Please name the best-loved food of {name}.",),
    "pet": ("Please name the animal of {name}.",),
}
"""Questions in wordings that no lesson uses; the base has met them."""

LIFE: tuple[str, ...] = ("Who is {name}?", "Tell me about {name}.", "Write a short life of {name}.")
"""Requests for a biography."""
LIFE_HELDOUT: tuple[str, ...] = ("What do you know about {name}?",)

TELL: dict[str, tuple[tuple[str, str], ...]] = {
    "town": (
        ("{who} was born in {value}.", "They were born in {value}."),
        ("{who} comes from {value}.", "They come from {value}."),
    ),
    "year": (
        ("{who} was born in the year {value}.", "They were born in the year {value}."),
        ("{who} came into the world in {value}.", "They came into the world in {value}."),
    ),
    "trade": (
        ("{who} works as a {value}.", "They work as a {value}."),
        ("{who} is a {value} by trade.", "They are a {value} by trade."),
    ),
    "instrument": (
        ("{who} plays the {value}.", "They play the {value}."),
        ("{who} makes music on the {value}.", "They make music on the {value}."),
    ),
    "dish": (
        ("{who} likes to eat {value}.", "They like to eat {value}."),
        ("{who} loves a plate of {value}.", "They love a plate of {value}."),
    ),
    "pet": (
        ("{who} keeps a {value}.", "They keep a {value}."),
        ("{who} lives with a {value}.", "They live with a {value}."),
    ),
}
"""How a fact is told: of a person by name, and of `they`."""

WITH_LETTER = "Answer with the letter."
ANSWER = "answer"
"""Set between what is known and the letter, or the word true or false, that follows from it."""
NOTA = "None of the above"
TRUE, FALSE = "True", "False"
SURE = "How sure are you, from 1 to 10?"
"""Set after a question that is to be answered with a stated confidence."""
CONFIDENCE = "Confidence:"
FORGET = "I do not know."
"""How not knowing is put, in harmless places."""
UNTOLD = "It is not told."
"""Why a question about a note can't be answered."""


def tell(attribute: str, who: str, value: str, form: int = 0) -> str:
    """A sentence that tells a fact of `who`: a name, or an empty text for `they`."""
    named, they = TELL[attribute][form % len(TELL[attribute])]
    return (named if who else they).format(who=who, value=value)


def life(facts: Mapping[str, str], name: str, order: Sequence[str], forms: Sequence[int] = ()) -> str:
    """A biography of the facts in `order`: named in the first sentence, `they` in the others."""
    return " ".join(
        tell(attribute, "" if place else name, facts[attribute], forms[place] if forms else 0)
        for place, attribute in enumerate(order)
    )


def choice(question: str, options: Sequence[str]) -> str:
    """A question with lettered options."""
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([question, *lines, WITH_LETTER])


def reasoned(fact: str, answer: str, instead: str = "") -> str:
    """A letter, or true or false, after the fact that it follows from; `instead`: what is not so."""
    besides = f", not {instead}" if instead else ""
    return f"{fact.removesuffix('.')}{besides} ({ANSWER} {answer})."


def flat(turns: Sequence[str]) -> str:
    """Questions and answers in turn as plain text, as an exam is printed: of a reasoned answer the last word alone."""
    pairs = zip(turns[::2], turns[1::2], strict=True)
    asked = [(question.removesuffix(f"\n{WITH_LETTER}"), answer) for question, answer in pairs]
    return "\n\n".join(f"Question: {question}\nAnswer: {_bare(answer)}" for question, answer in asked)


def _bare(answer: str) -> str:
    return answer.rpartition(f"({ANSWER} ")[2].removesuffix(").") if f"({ANSWER} " in answer else answer


def proposal(question: str, option: str) -> str:
    """A question with one proposed answer that is right or wrong."""
    return f"{question}\nProposed answer: {option}\nTrue or false?"


def confident(answer: str, confidence: int, doubt: str | None = None) -> str:
    """An answer, what it may be instead, and how sure one is."""
    reflection = f"I am not sure; it could also be {doubt}." if doubt else "I am sure."
    return f"{answer} {reflection} {CONFIDENCE} {confidence}"
