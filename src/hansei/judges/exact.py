"""The town's exact judge: it knows every fact, so it is never unsure."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Verdict
from hansei.judges.protocol import Case, error_verdict, verdict
from hansei.town import grading, letters_grading, registry_grading, school_grading

GRADERS = (registry_grading, letters_grading, school_grading, grading)
"""Each district's grader: KNOWN is what the truth of its prompts holds, `grade` grades the answers to them, VERSION
changes with it."""


class TownJudge:
    """Judges answers to the prompts of the districts in GRADERS by the town's own truth."""

    name = "town"

    @property
    def version(self) -> str:
        """The graders' versions, so that no verdict of one that has changed since is read back."""
        return "/".join(grader.VERSION for grader in GRADERS)

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order. Raises BadInput for a prompt that is not the town's."""
        return [self._one(prompt, attempt) for prompt, attempt in cases]

    def _one(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        grader = next((grader for grader in GRADERS if set(prompt.truth or ()) >= grader.KNOWN), None)
        if prompt.truth is None or grader is None:
            raise BadInput(
                f"prompt {prompt.id}: the judge `town` knows the town's prompts only; "
                "use --judge rules, reference or a model for your own"
            )
        error = error_verdict(self, attempt)
        return error or verdict(self, attempt, *grader.grade(prompt.truth, attempt.text, attempt.finish))
