"""Good answers: to prompts that were answered badly, and to benign ones that must not be forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Chat, Message, Mistake, Prompt, Sampling, Verdict, by_id
from hansei.judges.protocol import Judge
from hansei.models.protocol import Model
from hansei.steps.ask import AnsweringMethod, ask, guided, plain
from hansei.steps.judge import judge
from hansei.steps.material import Case, Keep


def good_answers(
    prompts: Sequence[Prompt],
    mistakes: Sequence[Mistake],
    model: Model,
    analyst: Model,
    by: Judge,
    sampling: Sampling,
    journal: Journal,
    *,
    reminder: str,
    revise: str,
) -> tuple[list[Case], Counter[str]]:
    """Each mistake with a good answer to its prompt, and how many good answers came from where.

    In this order: the row's reference; the model's own answer with the `reminder` before the request, if the
    judge accepts it; the `analyst`'s revision of the mistake (asked for with `revise`), if the judge accepts
    it. A mistake without any is dropped and counted as `mistakes without a good answer`.
    """
    known = by_id(prompts)
    wanted = {mistake.prompt_id: mistake for mistake in mistakes}
    good = {id: str(known[id].reference) for id in wanted if known[id].reference is not None}
    counts = Counter({"good answers from the data": len(good)})
    revision = _revision(wanted, revise)
    for label, who, method in (("guided", model, guided(reminder)), ("revised", analyst, revision)):
        open_ = [known[id] for id in wanted if id not in good]
        found = accepted(who, open_, by, sampling, journal, method=method, label=f"good answers, {label}")
        counts[f"good answers, {label}"] = len(found)
        good |= found
    cases = [Case(known[m.prompt_id], m, good[m.prompt_id]) for m in mistakes if m.prompt_id in good]
    counts["mistakes without a good answer"] = len(mistakes) - len(cases)
    return cases, counts


def accepted(
    model: Model,
    prompts: Sequence[Prompt],
    by: Judge,
    sampling: Sampling,
    journal: Journal,
    *,
    method: AnsweringMethod = plain,
    label: str,
) -> dict[str, str]:
    """The answers that the judge accepts, by prompt id."""
    attempts = ask(model, prompts, sampling, journal, method=method, label=label)
    return passed(attempts, judge(by, prompts, attempts, journal, label=f"judge {label}"))


def passed(attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> dict[str, str]:
    """The answers with outcome `pass` that are whole, by prompt id; `verdicts` in the attempts' order."""
    return {
        attempt.prompt_id: attempt.text
        for attempt, verdict in zip(attempts, verdicts, strict=True)
        if verdict.outcome == "pass" and attempt.finish == "stop"
    }


def keep_of_file(
    prompts: Sequence[Prompt], model: Model, by: Judge, sampling: Sampling, journal: Journal
) -> tuple[list[Keep], Counter[str]]:
    """Benign prompts with good answers: the row's reference, else the model's own that the judge accepts.

    `prompts` expect an answer.
    """
    good = {p.id: p.reference for p in prompts if p.reference is not None}
    counts = Counter({"kept from the data": len(good)})
    asked = [p for p in prompts if p.id not in good]
    own = accepted(model, asked, by, sampling, journal, label="answers to keep")
    counts["kept own answers"] = len(own)
    counts["keep rows without an accepted answer"] = len(asked) - len(own)
    return [Keep(p.id, p.messages, (good | own)[p.id]) for p in prompts if p.id in good or p.id in own], counts


def keep_of_answers(prompts: Sequence[Prompt], attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> list[Keep]:
    """The model's accepted answers to the prompts that expect an answer."""
    good = passed(attempts, verdicts)
    return [Keep(p.id, p.messages, good[p.id]) for p in prompts if p.expected == "answer" and p.id in good]


def _revision(mistakes: dict[str, Mistake], revise: str) -> AnsweringMethod:
    """Shows the mistake and asks for a better answer."""

    def render(prompt: Prompt) -> Chat:
        bad = mistakes[prompt.id].text
        return (*prompt.messages, Message("assistant", bad), Message("user", revise))

    return AnsweringMethod("revised", "1", render)
