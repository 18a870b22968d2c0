"""The parts of `hansei confidence`: who helps, what the untaught model says, the students, and what they say."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Prompt, Sampling
from hansei.judges.reference import normalise
from hansei.models.load import load_beside
from hansei.models.protocol import Model
from hansei.models.weights import find, fingerprint
from hansei.steps.ask import ask
from hansei.steps.chains import ask_chains
from hansei.training.settings import RolloutSettings, own_training
from hansei.truth import confidence as method
from hansei.truth import confidence_baselines as baselines
from hansei.truth.confidence import Case, Correct, Meaning, Reflect
from hansei.truth.confidence_model import FORM, by_model, faithfulness_by, judged_by
from hansei.truth.factuality_questions import by_reference

if TYPE_CHECKING:
    from hansei.truth.confidence_own import Settings

AGAIN = 50
"""Answers to a question whose reflections are rated (the paper's)."""


def meaning(settings: Settings) -> Meaning:
    """Which chains say the same. Raises BadInput for an encoder that is none, or none for cosines."""
    if settings.embed is None:
        return method.by_key(lambda _, text: normalise(text))
    from hansei.retrieval.encoder import Encoder

    encoder = Encoder(settings.embed, device=settings.device)
    if not encoder.cosine:
        raise BadInput(f"{settings.embed}: an encoder for cosines was expected, this one is for dot products")
    return method.by_embedding(lambda texts: encoder.encode(texts)[0], settings.threshold)


def correct(settings: Settings, journal: Journal) -> Correct:
    """Who says whether an answer is right."""
    return by_reference if settings.judge == "reference" else judged_by(_helper(settings, "judge"), journal)


def _helper(settings: Settings, role: Literal["judge", "writer"]) -> Model:
    return load_beside(getattr(settings, role), getattr(settings, f"{role}_base_url"), device=settings.device)


def _drawn(settings: Settings) -> Sampling:
    return Sampling(settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)


def untaught(
    settings: Settings,
    base: Model,
    heldout: list[Prompt],
    meaning: Meaning,
    correct: Correct,
    journal: Journal,
    counts: Counter[str],
) -> dict[str, dict[str, Any]]:
    """What the model says before it is taught, but for being asked directly."""
    answers = ask(base, heldout, replace(_drawn(settings), temperature=0.0), journal)
    counts["answers that did not come"] += sum(a.error is not None for a in answers)
    there = [(p, a.text) for p, a in zip(heldout, answers, strict=True) if a.error is None]
    right = dict(zip([p.id for p, _ in there], correct(there), strict=True))
    found = method.cases(heldout, ask_chains(base, heldout, _drawn(settings), settings.chains, journal), meaning)
    values = {
        "plain": {p.id: (None, right.get(p.id)) for p in heldout},
        "self-consistency": baselines.self_consistency(found, correct),
        "token probability, product": baselines.token_probability(base, heldout, answers, correct, mean=False),
        "token probability, mean": baselines.token_probability(base, heldout, answers, correct, mean=True),
    }
    return {name: {"values": found, "faithful": {}} for name, found in values.items()}


def teach(
    settings: Settings,
    base: Model,
    train: list[Prompt],
    meaning: Meaning,
    correct: Correct,
    out: Path,
    journal: Journal,
    counts: Counter[str],
) -> dict[str, Path]:
    """The students of both stages. A finished one is found again; a killed training starts again."""
    from hansei.training.reinforcement import train_rloo
    from hansei.training.sft import train_sft

    found = method.cases(train, ask_chains(base, train, _drawn(settings), settings.chains, journal), meaning)
    teaching = method.Teaching(settings.smallest, settings.drawn)
    lessons = method.lessons(found, _reflect(settings, base, journal), FORM, teaching, counts)
    counts["lessons"] = len(lessons)
    sft = own_training(settings, settings.sft_steps, settings.sft_rate)
    key = ("stage 1", base.fingerprint, lessons, sft)
    folders = {"stage 1": _once(journal, key, out / "stage-1", lambda to: train_sft(settings.model, lessons, sft, to))}
    if settings.rl_steps:
        worth = method.confidence_reward(train, correct, FORM, counts)
        rl = own_training(settings, settings.rl_steps, settings.rl_rate)
        rollout = RolloutSettings(
            beta=0.0,
            max_completion=settings.max_new_tokens,
            temperature=settings.temperature,
            learn_after=method.MARK,
        )
        chats = [FORM.ask(p.messages) for p in train]
        start = str(folders["stage 1"])
        key = ("stage 2", key, settings.judge, train, rl, rollout)  # type: ignore[assignment]
        folders["stage 2"] = _once(
            journal, key, out / "stage-2", lambda to: train_rloo(start, chats, worth, rl, to, rollout=rollout)
        )
    return folders


def _once(journal: Journal, key: object, out: Path, train: Callable[[Path], Path]) -> Path:
    """The student in `out`: the one that the journal knows, if it stands there unchanged, else a new one."""
    name = content_key("confidence student", key)
    done = journal.done(name)
    if done is not None and out.is_dir() and fingerprint(find(str(out))) == done[0]:
        return out
    shutil.rmtree(out, ignore_errors=True)  # of other settings, or changed since
    train(out)
    if done is None:
        journal.commit(name, "student", [fingerprint(find(str(out)))])
    return out


def _reflect(settings: Settings, base: Model, journal: Journal) -> Reflect:
    return by_model(base if settings.writer is None else _helper(settings, "writer"), journal)


def measured(
    settings: Settings,
    model: Model,
    heldout: Sequence[Prompt],
    meaning: Meaning,
    correct: Correct,
    journal: Journal,
    counts: Counter[str],
) -> dict[str, Any]:
    """What a model states on the held-out questions, greedily, and how faithful its reflections are."""
    greedy = replace(_drawn(settings), temperature=0.0)
    answers = ask(model, heldout, greedy, journal, method=FORM.method)
    counts["answers that did not come"] += sum(a.error is not None for a in answers)
    chosen = heldout[: settings.faithful]
    return {
        "values": baselines.stated(heldout, answers, FORM, correct),
        "faithful": _faithful(settings, model, chosen, meaning, journal) if chosen else {},
    }


def _faithful(
    settings: Settings, model: Model, chosen: Sequence[Prompt], meaning: Meaning, journal: Journal
) -> dict[str, float | None]:
    """Each question is answered 50 times; the reflections' summary is held against the answers' clusters."""
    pairs: list[tuple[Case, list[str]]] = []
    for prompt, attempts in zip(
        chosen, ask_chains(model, chosen, _drawn(settings), AGAIN, journal, method=FORM.method), strict=True
    ):
        read = [FORM.read(a.text) for a in attempts if a.error is None]
        groups = method.clustered(prompt, [r.answer for r in read], meaning)
        pairs.append((Case(prompt, tuple(groups)), [r.reflection for r in read if r.reflection]))
    writer = model if settings.writer is None else _helper(settings, "writer")
    rated = faithfulness_by(writer, _helper(settings, "judge"), journal)(pairs)
    return {case.prompt.id: value for (case, _), value in zip(pairs, rated, strict=True)}
