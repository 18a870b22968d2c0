"""The town's exact judge: it knows every fact, so it is never unsure."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Verdict
from hansei.judges.protocol import Case, error_verdict, verdict
from hansei.town import grading, letters_grading, registry_grading, school_grading

GRADERS = (
    (registry_grading.KNOWN, registry_grading.grade),
    (letters_grading.KNOWN, letters_grading.grade),
    (school_grading.KNOWN, school_grading.grade),
    (grading.KNOWN, grading.grade),
)
"""What the truth of each district's prompts holds, and who grades the answers to them."""


class TownJudge:
    """Judges answers to the prompts of the districts in GRADERS by the town's own truth."""

    name = "town"
    version = grading.VERSION

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order. Raises BadInput for a prompt that is not the town's."""
        return [self._one(prompt, attempt) for prompt, attempt in cases]

    def _one(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        grade = next((grade for known, grade in GRADERS if known <= set(prompt.truth or ())), None)
        if prompt.truth is None or grade is None:
            raise BadInput(
                f"prompt {prompt.id}: the judge `town` knows the town's prompts only; "
                "use --judge rules, reference or a model for your own"
            )
        error = error_verdict(self, attempt)
        return error or verdict(self, attempt, *grade(prompt.truth, attempt.text, attempt.finish))
