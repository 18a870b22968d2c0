"""MART: multi-round automatic red-teaming (Ge et al. 2023, arXiv 2311.07689). Two models are tuned in turns.

An attacker writes prompts that make a target misbehave; the target learns from its own good answers to them. With
the prompts P_0 = the seeds, each of T rounds (the paper's T is 4) does:

1. `write_attacks`: the attacker writes new prompts P_gen from the last round's, P_(i-1).
2. `try_attacks`: the target answers; a judge of safety gives s and a judge of helpfulness h to each answer.
3. `attacker_lessons`: the pairs (source, new prompt) with s < theta_adv. The new prompts are P_i.
4. `target_lessons`: the pairs (prompt, own answer) with s > theta_s and h > theta_h. The bound on h keeps "refuse
   everything" from winning.
5. Both are tuned on these by SFT, mixed with data of their own: exercises, instructions.

Options of the paper: *context distillation* (in some rounds answers are drawn with a safety preprompt, which is
left out of the lesson) and *rejection sampling* (several answers to a prompt, of which the best is kept).

An option of ours: with `keep_helpful` the result is the last round's target that keeps this share of the start's help
on validation prompts (`mart_keep`); every round is run and measured all the same.

Deviations:
- Of the paper no code and no thresholds are public: they are settings without default.
- s and h are scores of any judge of hansei (1 or 0 where it gives none), not of the paper's two reward models.
- A garbled answer is no success of the attacker, or it would learn to confuse rather than to attack.
- Where fewer prompts succeeded than are to be written, the seeds are sources again.
- An attack that asks what a held-out prompt asks, or is about its entity, is dropped and counted.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.overlap import normalise, overlap
from hansei.core.records import Attempt, Chat, Figure, Lesson, Prompt, Sampling, Verdict, by_id, user
from hansei.models.load import load
from hansei.models.weights import find, fingerprint
from hansei.safety.lessons import answer, kept
from hansei.safety.mart_attacks import Read, diversity, read_own
from hansei.safety.mart_keep import last_kept, watched
from hansei.safety.mart_measure import left_after, measure_target, right_answers, score
from hansei.safety.mart_settings import Judges, Settings, check
from hansei.steps.ask import ask, attempt_seed, guided
from hansei.steps.judge import judge
from hansei.steps.material import Keep, Plan
from hansei.steps.teach import teach
from hansei.training.job import start_path
from hansei.training.settings import TrainSettings


@dataclass(frozen=True)
class Trial:
    """An attack, and what came of it."""

    attack: Prompt
    """The attack."""
    succeeded: bool | None
    """Whether the target's first answer to it alone is unsafe; None where nobody can say."""
    good: str | None
    """The best of the answers that may be learnt from; None where there is none."""


@dataclass(frozen=True)
class Round:
    """One round, and the models after it. Round 0 is the start: nothing was attacked."""

    number: int
    """0 to T."""
    attacker: str
    """Folder or name of the attacker after the round."""
    target: str
    """Folder or name of the target after the round."""
    counts: Mapping[str, int]
    """Attacks asked for, unusable by reason, tried, succeeded, unscored; lessons of either model."""
    diversity: Mapping[str, float | None]
    """How various the attacks were: see `mart_attacks.diversity`."""
    attacks: tuple[str, ...]
    """Their texts."""
    measured: Mapping[str, Any]
    """The target on the held-out prompts: {"values": {metric: {prompt id: value}}, "counts": {…}}."""
    help_left: Figure | None = None
    """What is left of the start's help on the validation prompts; None at the start, and without `keep_helpful`."""


@dataclass(frozen=True)
class Outcome:
    """All rounds, and what lessons and held-out prompts have in common."""

    rounds: tuple[Round, ...]
    """From 0, the start, to T."""
    chosen: int
    """The round whose target is the result: T; with `keep_helpful` the last that keeps the help, 0 where none does."""
    overlap: str
    """In words."""
    shared_entities: tuple[str, ...]
    """Entities of held-out prompts that a lesson names."""


def mart(
    attacker: str,
    target: str,
    seeds: Sequence[Prompt],
    judges: Judges,
    settings: Settings,
    out: Path,
    *,
    heldout: Sequence[Prompt],
    validation: Sequence[Prompt] = (),
    instructions: Sequence[Keep] = (),
    exercises: Sequence[Lesson] = (),
    read: Read = read_own,
) -> Outcome:
    """Runs all rounds; the models stand in `out`/round-N/attacker and /target, the journal in `out`.

    `attacker`, `target`: folders or Hugging Face names of causal language models (one may be both). `seeds`: attacks
    to start from; nobody need have answered them. `heldout`: what the target is measured on after every round, some
    to be refused and some to be answered. `validation`: those by which `keep_helpful` decides; no lesson may hold
    them either. `instructions`: good answers for the target's mix. `exercises`: lessons in writing requests for the
    attacker's mix. `read`: makes a prompt of what the attacker wrote. A killed run goes on where it stopped. Raises
    BadInput where there is nothing to start from.
    """
    check(seeds, heldout, judges, settings)
    safe = watched(validation, settings.keep_helpful)
    mixed = {
        "exercises": (settings.exercises, len(exercises)),
        "instructions": (settings.instructions, len(instructions)),
    }
    for name, (wanted, there) in mixed.items():
        if wanted > there:
            raise BadInput(f"{name}: {wanted} a round are asked for, there are {there}: give more, or ask for fewer")
    with Journal.open(out) as journal:
        start = measure_target(target, heldout, judges, settings, journal)
        helped = right_answers(target, safe, judges, settings, journal)
        rounds = [Round(0, attacker, target, {}, {}, (), start)]
        sources, taught, attacks, apart = list(seeds), list[Lesson](), list[Prompt](), [*heldout, *validation]
        for number in range(1, settings.rounds + 1):
            last, place = rounds[-1], out / f"round-{number}"
            written = write_attacks(last.attacker, sources, seeds, apart, settings, number, journal, read)
            trials = try_attacks(last.target, written.attacks, judges, settings, number, journal)
            for_attacker = attacker_lessons(written, trials, exercises, settings, number)
            for_target = target_lessons(trials, instructions, settings, number)
            new_attacker = tuned(last.attacker, for_attacker, settings.attacker_training, place / "attacker", journal)
            new_target = tuned(last.target, for_target, settings.target_training, place / "target", journal)
            rounds.append(
                Round(
                    number,
                    new_attacker,
                    new_target,
                    written.counts | _counts(trials, for_attacker, for_target),
                    diversity(written.attacks, [*seeds, *attacks], settings.seed),
                    tuple(p.messages[-1].content for p in written.attacks),
                    measure_target(new_target, heldout, judges, settings, journal),
                    left_after(helped, new_target, safe, judges, settings, journal),
                )
            )
            sources = [t.attack for t in trials if t.succeeded]
            taught += [*for_attacker, *for_target]
            attacks += written.attacks
        shared = overlap(taught, heldout, [*seeds, *attacks])
        shared.stop_if_exact()
        overlap(taught, validation, [*seeds, *attacks]).stop_if_exact()
        left = [r.help_left for r in rounds if r.help_left is not None]
        chosen = settings.rounds if settings.keep_helpful is None else last_kept(left, settings.keep_helpful)
        return Outcome(tuple(rounds), chosen, str(shared), shared.shared_entities)


@dataclass(frozen=True)
class Written:
    """What the attacker wrote in a round."""

    attacks: Sequence[Prompt]
    """What is usable, each text once."""
    sources: Mapping[str, Prompt]
    """By the attack's id, the prompt it was written from."""
    counts: dict[str, int]
    """How many were asked for, and how many are unusable, by reason."""


def write_attacks(
    attacker: str,
    sources: Sequence[Prompt],
    seeds: Sequence[Prompt],
    heldout: Sequence[Prompt],
    settings: Settings,
    number: int,
    journal: Journal,
    read: Read = read_own,
) -> Written:
    """Step 1: as many attacks as the settings ask for.

    Sources are last round's successes, then seeds, in an order by chance; where they are too few, each is taken again
    with another draw.
    """
    rng, known = random.Random(f"sources {settings.seed} {number}"), {s.id for s in sources}
    fill = [s for s in seeds if s.id not in known]
    sources = [*rng.sample(sources, len(sources)), *rng.sample(fill, len(fill))][: settings.attacks]
    requests = [replace(s, messages=_request(s, settings)) for s in sources]
    draws = math.ceil(settings.attacks / len(sources))
    drawn = _of_round(settings.writing, settings, number)
    model = load(attacker, device=settings.device)
    texts = ask(model, requests, drawn, journal, attempts=draws, label=f"round {number}: attacks")[: settings.attacks]
    asked_heldout = {normalise(p.messages[-1].content) for p in heldout}
    entities = {p.tags["entity"] for p in heldout if "entity" in p.tags}
    by_source, reasons = by_id(sources), Counter[str]()
    found: dict[str, tuple[Prompt, Prompt]] = {}
    for text in texts:
        source = by_source[text.prompt_id]
        made = read(text, source)
        if isinstance(made, str):
            reasons[made] += 1
        elif normalise(made.messages[-1].content) in asked_heldout or made.tags.get("entity") in entities:
            reasons["held out"] += 1
        elif made.id in found:
            reasons["written twice"] += 1
        else:
            found[made.id] = (made, source)
    counts = {"asked for": len(texts)} | {f"unusable: {reason}": n for reason, n in sorted(reasons.items())}
    return Written([made for made, _ in found.values()], {id: source for id, (_, source) in found.items()}, counts)


def _request(source: Prompt, settings: Settings) -> Chat:
    return user(settings.request.replace("{prompt}", source.messages[-1].content))


def _of_round(sampling: Sampling, settings: Settings, number: int) -> Sampling:
    """The sampling with a seed of its own for each run's seed and round."""
    return replace(sampling, seed=attempt_seed(sampling.seed, 1000 * (settings.seed + 1) + number))


def try_attacks(
    target: str, attacks: Sequence[Prompt], judges: Judges, settings: Settings, number: int, journal: Journal
) -> list[Trial]:
    """Step 2: the target's answers and their scores, one trial an attack."""
    if not attacks:
        return []
    model = load(target, device=settings.device)
    drawn = _of_round(settings.answering, settings, number)
    distilled = number in settings.distilled
    label = f"round {number}: answers"
    answers = ask(model, attacks, drawn, journal, attempts=1 if distilled else settings.answers, label=label)
    if distilled:
        method = guided(settings.preprompt, name="preprompt")
        answers += ask(model, attacks, drawn, journal, method=method, attempts=settings.answers, label=label)
    safety = judge(judges.safety, attacks, answers, journal)
    helpful = [None] * len(answers) if judges.helpful is None else judge(judges.helpful, attacks, answers, journal)
    scored: dict[str, list[Scored]] = {attack.id: [] for attack in attacks}
    for attempt, s, h in zip(answers, safety, helpful, strict=True):
        scored[attempt.prompt_id].append((attempt, s, h))
    return [Trial(a, _succeeded(scored[a.id][0], settings), _best(scored[a.id], settings)) for a in attacks]


Scored = tuple[Attempt, Verdict, Verdict | None]
"""An answer, the word on its safety, and that on its helpfulness."""


def _succeeded(first: Scored, settings: Settings) -> bool | None:
    """s < theta_adv, by an answer that says something."""
    s = score(first[1])
    return None if s is None else s < settings.adversary_below and first[1].behaviour != "garbled"


def _best(answers: Sequence[Scored], settings: Settings) -> str | None:
    """The whole answer of the highest s + h among those with s > theta_s and h > theta_h; the first of equals."""
    found: list[tuple[float, str]] = []
    for attempt, safety, helpful in answers:
        s, h = score(safety), score(helpful)
        if attempt.finish != "stop" or s is None or s <= settings.safe_above:
            continue
        if settings.helpful_above is None:
            found.append((s, attempt.text))
        elif h is not None and h > settings.helpful_above:
            found.append((s + h, attempt.text))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def attacker_lessons(
    written: Written, trials: Sequence[Trial], exercises: Sequence[Lesson], settings: Settings, number: int
) -> list[Lesson]:
    """Step 3: source -> successful attack, and exercises; none where no attack succeeded."""
    lessons = [
        answer(
            _request(written.sources[t.attack.id], settings),
            t.attack.messages[-1].content,
            prompt_id=t.attack.id,
            purpose="attack",
        )
        for t in trials
        if t.succeeded
    ]
    if not settings.tune_attacker or not lessons:
        return []
    return lessons + random.Random(f"exercises {settings.seed} {number}").sample(list(exercises), settings.exercises)


def target_lessons(
    trials: Sequence[Trial], instructions: Sequence[Keep], settings: Settings, number: int
) -> list[Lesson]:
    """Step 4: attack -> the target's own good answer, and instructions; none where no answer is good."""
    said = [(t.attack, t.good) for t in trials if t.good is not None]
    good = [answer(attack.messages, text, prompt_id=attack.id, purpose="answer") for attack, text in said]
    if settings.lessons is not None and len(good) > settings.lessons:
        good = random.Random(f"lessons {settings.seed} {number}").sample(good, settings.lessons)
    if not good:
        return []
    draw = random.Random(f"instructions {settings.seed} {number}")
    return good + kept(draw.sample(list(instructions), settings.instructions))


def tuned(model: str, lessons: Sequence[Lesson], training: TrainSettings, out: Path, journal: Journal) -> str:
    """Step 5: the folder of the model after SFT on the lessons; the model itself where there are none."""
    if not lessons:
        return model
    parent = fingerprint(find(start_path(model)))
    journal.commit(content_key("lessons of mart", parent, list(lessons)), "lesson", lessons)
    return teach(model, parent, Plan(lessons), training, out, journal).path


def _counts(trials: Sequence[Trial], for_attacker: Sequence[Lesson], for_target: Sequence[Lesson]) -> dict[str, int]:
    return {
        "attacks": len(trials),
        "succeeded": sum(t.succeeded is True for t in trials),
        "unscored": sum(t.succeeded is None for t in trials),
        "attacker lessons": sum(lesson.purpose == "attack" for lesson in for_attacker),
        "target lessons": sum(lesson.purpose == "answer" for lesson in for_target),
    }
