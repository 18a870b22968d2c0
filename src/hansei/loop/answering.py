"""`hansei answer`: questions, passages and a method in; judged answers with their traces out."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.answering_methods import METHODS, Answering
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Message, Prompt
from hansei.core.settings import as_mapping
from hansei.judges.load import COMPARING
from hansei.loop.ahead import foretold, judge_part, judging
from hansei.loop.estimate import Estimate, Part, asked, reckon
from hansei.loop.learned import Learned
from hansei.loop.work import Say, judge_of, model_of, tell
from hansei.models.protocol import Model
from hansei.retrieval.passages import Passages, read_passages
from hansei.retrieval.search import open_search
from hansei.steps import run
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import ThinkingMethod, answer
from hansei.steps.compare import Answers, compare
from hansei.steps.judge import judge
from hansei.steps.questions import as_truth, read_questions, with_passages

INDEX = "index"
"""Folder of a run that holds the index of its passages."""
UNTOLD = ("out", "dry_run", "price", "judge_price")
"""Settings that a run's results don't depend on."""


@dataclass(frozen=True)
class _Questions:
    """What is to be answered."""

    prompts: list[Prompt]
    """The questions."""
    passages: Passages | None
    """Where passages are to be found; None where every question brings its own, or none is wanted."""
    method: ThinkingMethod
    """How they are answered."""


def answer_questions(settings: AnswerSettings, name: str, say: Say = tell) -> Learned:
    """Answers the questions by the method called `name`, judges the answers, and keeps all of it in `out`.

    Questions without a right answer are answered too, and unscored. Raises BadInput at anything in settings, files,
    model or folder that can't be worked with.
    """
    started = time.perf_counter()
    there = _read(settings, _entry(name))
    planned = foretold(settings, lambda: _estimate(settings, there), say)
    if planned is not None:
        return Learned(None, None, planned.counts, settings.out, ("dry run: nothing was asked or written",), 0, planned)
    if there.passages is not None:
        say(str(there.passages))
    identity = _identity(settings, name, there)
    with run.open_run(settings.out, identity) as journal:
        prompts = _found(settings, there, say)
        run.store(journal, "prompt", prompts)
        by, model = judge_of(settings), model_of(settings.model, settings.base_url, settings)
        method = _begun(_entry(name), settings, prompts, model, journal) or there.method
        attempts = answer(model, prompts, method, journal, label=name)
        if all(attempt.error for attempt in attempts):
            why = attempts[0].error
            raise BadInput(f"no answer came to any of {len(attempts)} questions: {why}; mend that and run again")
        answers = Answers(attempts, judge(by, prompts, attempts, journal))
        run.keep_row(journal, name, model.fingerprint, answers)
        comparison = compare(
            prompts,
            {name: answers},
            paper=name,
            judge=f"{by.name} {by.version}",
            settings=identity,
            seeds=(settings.seed,),
        )
        run.write_comparison(Path(settings.out) / "comparison.json", comparison)
        counts = comparison.rows[name].counts
        seconds = time.perf_counter() - started
        journal.note("counts", dict(counts))
        journal.note("seconds", seconds)
    return Learned(comparison, None, counts, settings.out, seconds=seconds)


def method_of(entry: Answering) -> tuple[type[Any], Callable[[Any], ThinkingMethod]]:
    """The settings of a method and what makes it."""
    module, _, function = entry.make.partition(":")
    home = importlib.import_module(module)
    return home.Settings, getattr(home, function)


def _begun(
    entry: Answering, settings: AnswerSettings, prompts: Sequence[Prompt], model: Model, journal: Journal
) -> ThinkingMethod | None:
    """The method after what it does with the model before the first question, for methods that do something then."""
    home = importlib.import_module(entry.make.partition(":")[0])
    return home.begin(prompts, settings, model, journal) if hasattr(home, "begin") else None


def _entry(name: str) -> Answering:
    for entry in METHODS:
        if entry.name == name:
            return entry
    raise BadInput(f"no answering method {name!r}: there are {', '.join(entry.name for entry in METHODS)}")


def _read(settings: AnswerSettings, entry: Answering) -> _Questions:
    prompts = read_questions(settings.questions, settings.limit)
    home = importlib.import_module(entry.make.partition(":")[0])
    if hasattr(home, "prepare"):
        prompts = home.prepare(prompts, settings)
    if settings.judge in COMPARING and all(prompt.reference is None for prompt in prompts):
        say = "add a column `answers`, or choose another --judge"
        raise BadInput(f"{settings.questions}: judge {settings.judge} needs right answers, no row has one; {say}")
    open_ = any("passages" not in (prompt.truth or {}) for prompt in prompts)
    passages = read_passages(settings.passages) if settings.passages is not None and open_ else None
    if settings.passages is not None and not open_:
        raise BadInput(f"passages: every question of {settings.questions} brings its own; leave --passages out")
    return _Questions(prompts, passages, method_of(entry)[1](settings))


def _found(settings: AnswerSettings, there: _Questions, say: Say) -> list[Prompt]:
    """The questions with their passages."""
    if there.passages is None:
        return there.prompts
    passages = there.passages.passages
    search = open_search(settings.search, passages, Path(settings.out) / INDEX, device=settings.device)
    if search.cut:
        say(f"{search.cut:,} passages are longer than {settings.search} reads: it searches their beginnings only")
    return with_passages(there.prompts, passages, search, settings.top_k)


def _identity(settings: AnswerSettings, name: str, there: _Questions) -> dict[str, Any]:
    """What a run's results depend on: method, settings, and what is in the files."""
    said = {n: v for n, v in as_mapping(settings).items() if n not in UNTOLD}
    passages = None if there.passages is None else there.passages.fingerprint
    return {"method": name, **said, "questions file": run.file_hash(settings.questions), "passages file": passages}


def _estimate(settings: AnswerSettings, there: _Questions) -> Estimate:
    """What the run would take: each question as often as the method may ask, with its passages."""
    prompts = [_as_long_as_asked(prompt, there.passages, settings.top_k) for prompt in there.prompts]
    work = asked(prompts, settings.max_new_tokens) * there.method.calls
    parts = [
        Part("model", settings.model, work, "--price", settings.price),
        judge_part(settings.judge, judging(prompts, settings.max_new_tokens), settings.judge_price),
    ]
    return reckon(parts, {"questions": len(prompts)}, settings.device)


def _as_long_as_asked(prompt: Prompt, passages: Passages | None, top_k: int) -> Prompt:
    """The question with its passages before it, or as many of the first ones as will be found."""
    own: Sequence[Mapping[str, Any]] | None = (prompt.truth or {}).get("passages")
    if own is None:
        own = as_truth(passages.passages[:top_k]) if passages is not None else []
    context = "\n".join(f"{passage['title']} {passage['text']}" for passage in own)
    return replace(prompt, messages=(Message("user", context), *prompt.messages)) if context else prompt
