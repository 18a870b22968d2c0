"""What answers are accepted, and the judges that compare an answer with them, after normalisation."""

from __future__ import annotations

import re
import unicodedata

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Verdict
from hansei.judges.garbled import why_garbled
from hansei.judges.protocol import OneByOne, verdict
from hansei.judges.rules import behaviour_of


def normalise(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (SQuAD's normalisation, for any script).

    Signs that carry meaning in a number stay: the minus before a digit, the point between two.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("−", "-")
    kept = re.sub(r"(?<!\w)-(?=\d)", "\0", text)
    kept = re.sub(r"(?<=\d),(?=\d{3}\b)", "", kept)
    kept = re.sub(r"(?<=\d)\.(?=\d)", "\1", kept)
    kept = re.sub(r"[^\w\s\0\1]|_", " ", kept).replace("\0", "-").replace("\1", ".")
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", kept).split())


def accepted(prompt: Prompt) -> list[str]:
    """The right answers as they are written, each once: the reference, and the lists `aliases` and `answers` of truth.

    One rule for all judges that compare with right answers. Raises BadInput where one of the two is no list of texts
    or numbers.
    """
    found = [] if prompt.reference is None else [prompt.reference]
    for name in ("aliases", "answers"):
        listed = (prompt.truth or {}).get(name, [])
        if not isinstance(listed, (list, tuple)) or not all(isinstance(one, (str, int, float)) for one in listed):
            raise BadInput(f"prompt {prompt.id}: a list of answers was expected in truth.{name}, found {listed!r:.40}")
        found += map(str, listed)
    return list(dict.fromkeys(text for text in found if text.strip()))


def references(prompt: Prompt) -> list[str]:
    """The accepted answers, normalised, no empty ones."""
    return [n for n in map(normalise, accepted(prompt)) if n]


class ReferenceJudge(OneByOne):
    """Passes an answer that says the reference: as its whole, or as whole words within it.

    Score 1 or 0. An answer that lists many candidates passes by containing the right one: give such prompts
    an exact judge. A prompt without a reference is unscored.
    """

    name = "reference"
    version = "2"

    def _judge(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        right = references(prompt)
        if not right:
            return verdict(self, attempt, "unscored", rationale="the prompt has no reference")
        answer = f" {normalise(attempt.text)} "
        found = next((r for r in right if f" {r} " in answer), None)
        if found is None:
            return verdict(
                self,
                attempt,
                "fail",
                behaviour_of(attempt.text, attempt.finish)[0],
                0.0,
                "no reference found",
            )
        behaviour = "garbled" if answer.strip() != found and why_garbled(attempt.text) else "answered"
        if behaviour == "garbled":
            return verdict(self, attempt, "fail", "garbled", 0.0, "garbled, though it contains the reference")
        return verdict(self, attempt, "pass", "answered", 1.0, f"says {found!r}")


class ExactMatchJudge(OneByOne):
    """Passes an answer that is a reference and nothing else, both normalised (EM of SQuAD). Score 1 or 0.

    A prompt without a reference is unscored.
    """

    name = "exact-match"
    version = "2"

    def _judge(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        right = references(prompt)
        if not right:
            return verdict(self, attempt, "unscored", rationale="the prompt has no reference")
        if normalise(attempt.text) in right:
            return verdict(self, attempt, "pass", "answered", 1.0, f"is {normalise(attempt.text)!r}")
        behaviour = behaviour_of(attempt.text, attempt.finish)[0]
        return verdict(self, attempt, "fail", behaviour, 0.0, f"not {right[0]!r}")
