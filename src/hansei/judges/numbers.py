"""The judge of answers that are numbers: compared as numbers, not as texts."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.numbers import same
from hansei.core.records import Attempt, Behaviour, Prompt, Verdict
from hansei.judges.protocol import Case, error_verdict, verdict
from hansei.judges.reference import normalise, references


class NumberJudge:
    """Passes an answer whose number is the reference's; other references are compared as normalised wholes.

    A prompt without a reference is unscored. An answer without any number is a fail: the question was not answered.
    """

    name = "number"
    version = "1"

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in the order of the cases."""
        return [self._judge(prompt, attempt) for prompt, attempt in cases]

    def _judge(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        failed = error_verdict(self, attempt)
        if failed:
            return failed
        if prompt.reference is None and not references(prompt):
            return verdict(self, attempt, "unscored", rationale="the prompt has no reference")
        if right(attempt.text, prompt):
            return verdict(self, attempt, "pass", "answered", 1.0)
        cut_off: Behaviour = "truncated" if attempt.finish == "length" else "garbled"
        return verdict(self, attempt, "fail", "answered" if attempt.text.strip() else cut_off, 0.0)


def right(text: str, prompt: Prompt) -> bool:
    """Whether an answer is one of the prompt's references, as a number where that is one."""
    accepted = [] if prompt.reference is None else [prompt.reference]
    accepted += [str(a) for a in (prompt.truth or {}).get("answers", [])]
    found = [same(text, reference) for reference in accepted]
    if any(found):
        return True
    words = normalise(text)
    return any(n is None and words == normalise(reference) for n, reference in zip(found, accepted, strict=True))
