"""The town's exact judge: it knows every fact, so it is never unsure."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Verdict
from hansei.town import grading


class TownJudge:
    """Judges answers to the workshop's requests by the town's own truth."""

    name = "town"
    version = grading.VERSION

    def judge(self, cases: Sequence[tuple[Prompt, Attempt]]) -> list[Verdict]:
        """One verdict a case, in order. Raises BadInput for a prompt that is not the town's."""
        return [self._one(prompt, attempt) for prompt, attempt in cases]

    def _one(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        if prompt.truth is None or "dangerous" not in prompt.truth:
            raise BadInput(
                f"prompt {prompt.id}: the judge `town` knows the town's prompts only; "
                "use --judge rules, reference or a model for your own"
            )
        if attempt.error is not None:
            return Verdict(attempt.id, self.name, self.version, "error", rationale=attempt.error)
        outcome, behaviour, score, reason = grading.grade(prompt.truth, attempt.text, attempt.finish)
        return Verdict(attempt.id, self.name, self.version, outcome, behaviour, score, reason)
