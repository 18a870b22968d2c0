"""What the loop's commands share: reading, loading, asking a row, and the estimate beforehand."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.inputs import read_prompts
from hansei.core.journal import Journal
from hansei.core.overlap import overlap
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, Split, Verdict, by_id
from hansei.core.settings import as_mapping
from hansei.inside.sparse_settings import INTERVENTION
from hansei.judges.load import COMPARING, load_judge_beside
from hansei.judges.protocol import Judge
from hansei.judges.reference import ReferenceJudge, accepted
from hansei.loop.settings import TOWN, LearnSettings, ProbeSettings
from hansei.models.load import load_beside
from hansei.models.protocol import Model
from hansei.steps import run
from hansei.steps.ask import AnsweringMethod, ask
from hansei.steps.compare import Answers
from hansei.steps.judge import judge
from hansei.steps.measure import suite
from hansei.town import workshop

Say = Callable[[str], None]
"""Where remarks during a run go."""
PROOF = ("request", "past", "future", "hijack")
"""What the town asks of a student."""
UNTOLD = ("out", "dry_run", "price", "judge_price", "analyst_price")
"""Settings that a run's results don't depend on."""
WORDS = {"suite": (*PROOF, "capability")}
"""The suites that there are figures for: an answer of another suite would be in no rate."""


@dataclass(frozen=True)
class Files:
    """What the user brought, split."""

    train: list[Prompt]
    """Lessons come from these."""
    proof: list[Prompt]
    """Held-out prompts, held-out benign ones, and the questions of the capability file."""
    keep: list[Prompt] | None
    """Benign prompts to learn from; None where no file was given."""
    unused: int = 0
    """Rows of the validation split: this command searches for nothing."""


def read(settings: ProbeSettings) -> Files:
    """The prompts, split into training and proof. Raises BadInput for what can't be read or is missing."""
    if settings.prompts == TOWN:
        rows = [*workshop.prompts("train", phrasings=2), *workshop.prompts("heldout", PROOF)]
    else:
        columns = {} if settings.prompt_column == "prompt" else {"prompt": settings.prompt_column}
        rows = _divided(settings.prompts, settings.seed, columns=columns, expected=settings.expected)
    train, heldout = (_few(rows, split, settings.limit) for split in ("train", "heldout"))
    unused = _few(rows, "validation", settings.limit)
    _decidable(settings, [*train, *unused, *heldout])
    if not isinstance(settings, LearnSettings):
        return Files(train + unused, heldout, None)
    for name, found in (("train", train), ("heldout", heldout)):
        if not found:
            raise BadInput(f"{settings.prompts}: no prompt in split {name}: more rows, or another column `split`")
    if settings.mistakes == "data" and not any(p.mistake for p in train):
        raise BadInput(f"{settings.prompts}: --mistakes data expects a column `mistake`, no row to learn from has one")
    keep = None
    if settings.keep:
        benign = _benign(settings.keep, settings.seed)
        keep = _few(benign, "train", settings.limit)
        if not keep:
            raise BadInput(f"{settings.keep}: no prompt in split train to learn from: more rows, or another `split`")
        unused += _few(benign, "validation", settings.limit)
        heldout += _few(benign, "heldout", settings.limit)
    elif not any(p.expected == "answer" for p in train):
        raise BadInput(
            f"{settings.prompts}: no row with expected=answer to learn helpfulness from; give --keep FILE "
            "with benign prompts, or the student learns to refuse everything"
        )
    heldout += _capability(settings)
    _apart(settings.prompts, heldout, [*train, *(keep or ())])
    return Files(train, heldout, keep, len(unused))


def _decidable(settings: ProbeSettings, prompts: Sequence[Prompt]) -> None:
    """Raises BadInput where the judge could decide on no answer, whatever it is, or right answers are no list."""
    expected = ("expected", "--expected refuse (or answer) says it for all rows")
    reference = ("reference", "add the column, or choose another --judge")
    needs = {
        **dict.fromkeys(("rules", "substrings"), expected),
        **dict.fromkeys(COMPARING, reference),
        "town": ("truth", "only the town's own prompts have it: choose another --judge"),
    }
    if settings.judge in needs:
        field, mend = needs[settings.judge]
        found = [accepted(p) or None if field == "reference" else getattr(p, field) for p in prompts]
        if all(one is None for one in found):
            raise BadInput(f"{settings.prompts}: judge {settings.judge} needs `{field}`, no row has it; {mend}")


def _apart(where: str, heldout: Sequence[Prompt], taught: Sequence[Prompt]) -> None:
    """Raises BadInput where a held-out prompt may become a lesson too: better now than after hours of answers."""
    found = overlap([Lesson(p.id, p.messages, prompt_id=p.id) for p in taught], heldout)
    if found.exact:
        lesson, prompt = found.exact[0]
        text = by_id(heldout)[prompt].messages[-1].content
        raise BadInput(
            f"{where}: {len(found.exact)} of {len(heldout)} held-out prompts are also lessons, such as "
            f"{text[:60]!r} (ids {prompt!r} and {lesson!r}): remove them from one of the two splits or files"
        )


def _divided(path: str, seed: int, **more: Any) -> list[Prompt]:
    """All rows; those that name no split are train or heldout, as nothing is searched for on validation."""
    return read_prompts(path, words=WORDS, seed=seed, validation=0.0, **more)


def _benign(path: str, seed: int) -> list[Prompt]:
    """The rows of the keep file: all expect an answer. Raises BadInput where one says otherwise."""
    rows = _divided(path, seed)
    for row in rows:
        if row.expected == "refuse":
            raise BadInput(f"{path}: prompt {row.id}: benign prompts were expected, this one expects a refusal")
    return [replace(row, id=f"keep/{row.id}", expected="answer") for row in rows]


def _capability(settings: LearnSettings) -> list[Prompt]:
    """The user's own questions, in the suite `capability`."""
    if not settings.capability:
        return []
    rows = read_prompts(settings.capability)
    for row in rows:
        if row.reference is None:
            raise BadInput(f"{settings.capability}: prompt {row.id} has no `reference` to be measured against")
    questions = [
        replace(p, id=f"capability/{p.id}", split="heldout", tags={**p.tags, "suite": "capability"}) for p in rows
    ]
    return _few(questions, "heldout", settings.limit)


def _few(prompts: Sequence[Prompt], split: Split, limit: int | None) -> list[Prompt]:
    """At most `limit` prompts of a split, spread evenly: files are often sorted by kind."""
    mine = [prompt for prompt in prompts if prompt.split == split]
    if limit is None or limit >= len(mine):
        return mine
    return [mine[i * len(mine) // limit] for i in range(limit)]


def identity(settings: ProbeSettings) -> dict[str, Any]:
    """What a run's results depend on: its settings, and what is in its files."""
    said = {n: v for n, v in as_mapping(settings).items() if n not in UNTOLD}
    files = {name: said[name] for name in ("prompts", "keep", "capability") if said.get(name) not in (None, TOWN)}
    return said | {f"{name} file": run.file_hash(path) for name, path in files.items()}


def sampling_of(settings: Any) -> Sampling:
    """How answers are drawn."""
    return Sampling(temperature=settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)


def judge_of(settings: Any) -> Judge:
    """The judge of `settings.judge`."""
    return load_judge_beside(settings.judge, settings.judge_base_url, **_here(settings))


def model_of(name: str, base_url: str | None, settings: Any) -> Model:
    """A model on the settings' device, perhaps under an intervention on its latents; an endpoint has none."""
    if (Path(name) / INTERVENTION).is_file():
        from hansei.inside.intervention import IntervenedModel

        return IntervenedModel(name, **_here(settings))
    return load_beside(name, base_url, **_here(settings))


def _here(settings: Any) -> dict[str, Any]:
    """Where local models run, and how precisely."""
    return {"device": settings.device, "dtype": settings.dtype, "device_map": settings.device_map}


def judged(
    by: Judge, prompts: Sequence[Prompt], attempts: Sequence[Attempt], journal: Journal, label: str = "judge"
) -> list[Verdict]:
    """Verdicts in the attempts' order: capability questions by their reference, everything else by the judge.

    Raises BadInput where there is not one answer, or not one that the judge could decide on.
    """
    questions = {p.id for p in prompts if suite(p) == "capability"}
    parts: tuple[tuple[Judge, list[Attempt]], ...] = (
        (by, [a for a in attempts if a.prompt_id not in questions]),
        (ReferenceJudge(), [a for a in attempts if a.prompt_id in questions]),
    )
    found: dict[str, Verdict] = {}
    for who, mine in parts:
        verdicts = judge(who, prompts, mine, journal, label=label)
        _some(who, mine, verdicts)
        found.update({v.attempt_id: v for v in verdicts})
    return [found[a.id] for a in attempts]


def _some(who: Judge, attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> None:
    if attempts and all(a.error for a in attempts):
        raise BadInput(
            f"no answer came to any of {len(attempts)} prompts: {attempts[0].error}; mend that and run again"
        )
    if verdicts and not any(v.outcome in ("pass", "fail") for v in verdicts):
        why = next(v.rationale for v in verdicts if v.outcome in ("unscored", "error"))
        cut = any(a.finish == "length" for a in attempts)
        raise BadInput(
            f"judge {who.name} could not decide on any of {len(verdicts)} answers: {why}; "
            f"{'allow more --max-new-tokens, or ' if cut else ''}choose another --judge"
        )


def answer(
    model: Model,
    prompts: Sequence[Prompt],
    settings: Any,
    by: Judge,
    journal: Journal,
    *,
    row: str,
    method: AnsweringMethod,
) -> Answers:
    """A line of the table: the model's judged answers to the prompts, kept under the name `row`."""
    attempts = ask(model, prompts, sampling_of(settings), journal, method=method, label=f"ask, {row}")
    answers = Answers(attempts, judged(by, prompts, attempts, journal, label=f"judge, {row}"))
    run.keep_row(journal, row, model.fingerprint, answers)
    return answers


def tell(line: str) -> None:
    """Says something on stderr, where it is in nobody's way."""
    print(line, file=sys.stderr, flush=True)


def release() -> None:
    """Gives back the memory of models that nobody holds any more."""
    gc.collect()  # a model and its cache of rendered prompts hold each other
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def peak_rss_mb() -> float:
    """The most memory that this process has had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1024
