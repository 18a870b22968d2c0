"""What each command would ask of which model: the sums behind `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hansei.core.records import Prompt
from hansei.judges.load import WITHOUT_MODEL
from hansei.loop.estimate import Estimate, Load, Part, Work, asked, reckon, tokens
from hansei.loop.settings import CompareSettings, LearnSettings, ProbeSettings
from hansei.loop.speed import answering, learning, measured, size_of
from hansei.models.names import ENDPOINT
from hansei.steps.measure import suite
from hansei.steps.prices import Price, check_price

HINT = 40
"""Tokens of a question about an answer."""
JUDGE = 350
"""Tokens of what a judge is told about its task."""


def foretold(settings: Any, reckoned: Callable[[], Estimate], say: Callable[[str], None]) -> Estimate | None:
    """The estimate, where nothing else is wanted; else None, and where there is a price the cost is said."""
    if settings.dry_run:
        return reckoned()
    if any(getattr(settings, name, None) for name in ("price", "judge_price", "analyst_price")):
        say(reckoned().bill)
    return None


def of_probe(settings: ProbeSettings, prompts: Sequence[Prompt], counts: Mapping[str, int]) -> Estimate:
    """The estimate of `hansei probe`."""
    work = asked(prompts, settings.max_new_tokens)
    parts = [
        Part("model", settings.model, work, "--price", settings.price),
        judge_part(settings.judge, judging(prompts, settings.max_new_tokens), settings.judge_price),
    ]
    return reckon(parts, counts, settings.device)


def of_comparison(
    settings: CompareSettings, models: Sequence[str], prompts: Sequence[Prompt], long: int, again: int
) -> Estimate:
    """The estimate of `hansei compare`: models asked for `long` tokens each, and `again` stored rows judged."""
    parts = [Part("model", name, asked(prompts, long), "--price", settings.price) for name in models]
    judge = settings.judge or "rules"
    parts.append(judge_part(judge, judging(prompts, long) * (len(models) + again), settings.judge_price))
    return reckon(parts, {"prompts": len(prompts)}, settings.device)


def of_learning(
    settings: LearnSettings, train: Sequence[Prompt], proof: Sequence[Prompt], keep: Sequence[Prompt] | None
) -> Estimate:
    """The estimate of `hansei learn`."""
    long, ways = settings.max_new_tokens, 1 + settings.guided
    bad = [p for p in train if p.mistake] if settings.mistakes == "data" else train
    open_ = [p for p in bad if p.reference is None]
    plain = [*proof, *train, *(p for p in keep or () if p.reference is None)]
    hinted = [*list(proof) * settings.guided, *open_, *(train if settings.mistakes == "induced" else ())]
    methods = [settings.method] + ([settings.baseline] if settings.baseline else [])
    revised = asked(open_, long, more=long + HINT)
    explained = _explained(methods, bad, long)
    here = not settings.model.startswith(ENDPOINT)
    again = list(proof) * ways * len(methods) if here else []
    analyst = settings.analyst or settings.model
    price = settings.analyst_price if settings.analyst else settings.price
    verdicts = judging([*plain, *hinted, *again], long) + judging(open_, long)
    parts = [
        Part("model", settings.model, asked(plain, long) + asked(hinted, long, more=HINT), "--price", settings.price),
        Part("analyst", analyst, revised + explained, "--analyst-price" if settings.analyst else "--price", price),
        judge_part(settings.judge, verdicts, settings.judge_price),
    ]
    counts = {"training prompts": len(train), "held-out prompts": len(proof)}
    if not here:
        return reckon(parts, counts, settings.device)
    # A student is named by its start model, whose size it has.
    parts.append(Part("student", settings.model, asked(again, long, more=HINT * settings.guided), "", None))
    estimate = reckon(parts, counts | {"training steps of each student": settings.steps}, settings.device)
    trained = [_training(settings, method, train) for method in methods]
    return replace(estimate, loads=[*estimate.loads, *trained])


def judging(prompts: Sequence[Prompt], longest: int) -> Work:
    """One verdict on an answer to each prompt; capability questions are judged by their references."""
    from hansei.judges.model_judge import SAMPLING

    return asked([p for p in prompts if suite(p) != "capability"], SAMPLING.max_new_tokens, more=longest + JUDGE)


def judge_part(name: str, work: Work, price: Price | None) -> Part:
    """What a judge is asked: nothing, where it is no model. Raises BadInput at a price that it doesn't ask."""
    check_price("judge_price", price, [name])
    return Part("judge", name, Work() if name in WITHOUT_MODEL else work, "--judge-price", price)


def _explained(methods: Sequence[str], bad: Sequence[Prompt], long: int) -> Work:
    """What the methods ask the analyst about each mistake."""
    after = long + HINT  # a prompt, the bad answer, and a question about it
    rounds = {
        "mistake-analysis": [asked(bad, long, more=after)],
        "critique-revise": [asked(bad, long, more=after), asked(bad, long, more=2 * after)],
    }
    return sum((work for method in methods for work in rounds.get(method, [])), Work())


def _training(settings: LearnSettings, method: str, train: Sequence[Prompt]) -> Load:
    """The training of one student; RLHF has three, of which the last one samples its own answers."""
    long, batch, steps = settings.max_new_tokens, settings.batch, settings.steps
    lesson = min(_lesson(method, train, long), settings.max_length)
    size = size_of(settings.model)
    seconds = None
    if size is not None:
        flops = measured(settings.device)
        seconds = learning(size, flops, steps * batch * lesson, steps)
        if method == "rlhf":  # rewards read two answers a pair
            seconds += learning(size, flops, 2 * steps * batch * lesson, steps)
            seconds += learning(size, flops, steps * batch * lesson, steps)
            seconds += answering(size, flops, steps * batch * lesson, steps * long)
    return Load(f"training by {method}", settings.model, Work(), seconds, None, "no charge")


def _lesson(method: str, train: Sequence[Prompt], long: int) -> int:
    """Tokens of a lesson, on the average: a good answer, and for half of them in mistake analysis an analysis."""
    prompt = sum(tokens(p.messages) for p in train)
    good = sum(long if p.reference is None else len(p.reference) // 4 for p in train)
    bad = sum(long if p.mistake is None else len(p.mistake) // 4 for p in train)
    analysed = bad + len(train) * (HINT + long) - good if method == "mistake-analysis" else 0
    return (prompt + good + analysed // 2) // len(train)
