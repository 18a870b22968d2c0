"""`compare_runs`: runs, models beside a run, or models alone, on the same prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from hansei.answering_methods import METHODS
from hansei.core.errors import BadInput
from hansei.core.journal import FILE, Journal
from hansei.core.records import Prompt, by_id
from hansei.core.settings import unused
from hansei.judges.load import judge_models
from hansei.loop.ahead import foretold, of_comparison
from hansei.loop.estimate import Estimate
from hansei.loop.settings import CompareSettings, ProbeSettings
from hansei.loop.stored import Stored, compared, judged_again, judging_stored, load_run, open_stored
from hansei.loop.work import Say, answer, identity, judge_of, model_of, read, sampling_of, tell
from hansei.models.names import ENDPOINT, PLACE, check_place
from hansei.models.protocol import Model
from hansei.steps import run
from hansei.steps.ask import plain
from hansei.steps.compare import Answers, Comparison, compare

DRAWN = ("max_new_tokens", "temperature", "seed")
"""Settings of `hansei compare` that say how models are asked."""
ALONE = ("prompts", "out", "prompt_column", "expected", "limit")
"""Those that a run has of its own, and so go with models alone."""
DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(ProbeSettings)}


def compare_runs(settings: CompareSettings, say: Say = tell) -> Comparison | Estimate:
    """Runs or models on the same prompts.

    One run: its table. Several runs: their rows over the prompts that all of them asked. A run and models:
    the models are asked the run's held-out prompts, judged as the run was, and stand beside its stored rows.
    Models alone: they are asked `prompts`. Another judge judges the stored rows again. A dry run returns the estimate
    instead. Raises BadInput where there is nothing in common, and at settings that would have no effect.
    """
    runs = [what for what in settings.what if (Path(what) / FILE).is_file()]
    models = [what for what in settings.what if what not in runs]
    if not settings.what:
        raise BadInput("compare: name runs' folders or models")
    if not runs:
        return _models(models, settings, say)
    unused(settings, f"goes with models alone, and {runs[0]} is a run, with prompts of its own", *ALONE)
    if not models:
        unused(settings, "says how models are asked, and only runs are compared", *DRAWN)
        return _runs(runs, settings, say)
    if len(runs) > 1:
        raise BadInput("compare: one run and models, or several runs; not both: " + " ".join(settings.what))
    return _models_in_run(runs[0], models, settings, say)


def _models_in_run(out: str, models: Sequence[str], settings: CompareSettings, say: Say) -> Comparison | Estimate:
    with Journal.open(out, read_only=True) if settings.dry_run else open_stored(out) as journal:
        there = load_run(out, journal)
        asked = _as_asked(there, settings)
        check_place(asked, [*models, *judge_models(str(asked.judge))])
        again = 0 if settings.judge is None else len(there.rows)  # the stored answers, by another judge
        planned = foretold(
            settings, lambda: of_comparison(asked, models, there.prompts, sampling_of(asked).max_new_tokens, again), say
        )
        if planned is not None:
            return planned
        by = judge_of(asked)
        for name in models:
            model = _model(name, settings)
            there.rows[name] = answer(model, there.prompts, asked, by, journal, row=name, method=plain)
        there = judged_again(there, by, journal)
        comparison = compared(there, there.rows, f"{by.name} {by.version}", {})
    run.write_comparison(Path(out) / "comparison.json", comparison)
    return comparison


def _model(name: str, settings: CompareSettings) -> Model:
    """One of the compared models; those behind a server share its address."""
    return model_of(name, settings.base_url if name.startswith(ENDPOINT) else None, settings)


def _as_asked(there: Stored, settings: CompareSettings) -> CompareSettings:
    """The settings with the run's own sampling, and its judge unless another one is named.

    An import has neither: nothing was drawn here, and its judge is the tool that it came from. Raises BadInput where
    that one would have to judge, and where models would be asked in another way than the run's own was.
    """
    imported = there.settings.get("method") == "import"
    if any(entry.name == there.settings.get("method") for entry in METHODS):
        way = f"hansei answer {there.settings['method']}"
        raise BadInput(
            f"{there.out}: is a run of `{way}`, and models are not asked in that way here: "
            f"ask the other model by `{way}` with an --out of its own, and compare the two runs"
        )
    own = DEFAULTS if imported else there.settings
    for name in DRAWN:
        given = getattr(settings, name)
        if not imported and given is not None and given != own[name]:
            asked = f"beside a run models are asked as its own was, in {there.out} with {own[name]}"
            raise BadInput(f"{name}: {asked}, found {given}: leave it out")
    if settings.judge is None:
        if imported:
            raise BadInput(f"{there.out}: is an import, whose judge can't be asked here: name one with --judge")
        settings = replace(settings, **{name: own[name] for name in ("judge", "judge_base_url")})
    return _drawn(settings, own)


def _drawn(settings: CompareSettings, own: Mapping[str, Any]) -> CompareSettings:
    """The settings with `own` ways of asking where they say none."""
    return replace(settings, **{name: own[name] for name in DRAWN if getattr(settings, name) is None})


def _runs(folders: Sequence[str], settings: CompareSettings, say: Say) -> Comparison | Estimate:
    """The rows of several runs over their common prompts; one that they share stands once, with both names."""
    check_place(settings, judge_models(settings.judge or "rules"))
    planned = foretold(settings, lambda: judging_stored(folders, settings, {"runs": len(folders)}), say)
    if planned is not None:
        return planned
    by = None if settings.judge is None else judge_of(settings)
    loaded = []
    for folder in folders:
        with Journal.open(folder, read_only=by is None) as journal:
            there = load_run(folder, journal)
            loaded.append(there if by is None else judged_again(there, by, journal))
    first = loaded[0]
    judges = {v.judge for there in loaded for a in there.rows.values() for v in a.verdicts}
    if len(judges - {"reference"}) > 1:
        raise BadInput(f"the runs were judged by different judges ({', '.join(sorted(judges))}): name one with --judge")
    common = _common([there.prompts for there in loaded])
    if not common:
        raise BadInput(f"{' and '.join(folders)}: no prompt was asked in all of them, nothing can be compared")
    rows = _named(folders, [{name: _only(a, common) for name, a in there.rows.items()} for there in loaded])
    lessons = [lesson for there in loaded for lesson in there.lessons or ()]
    prompts = [p for p in first.prompts if p.id in common]
    return compared(replace(first, prompts=prompts, lessons=lessons or None), rows, ", ".join(sorted(judges)), {})


def _named(folders: Sequence[str], rows: Sequence[Mapping[str, Answers]]) -> dict[str, Answers]:
    """The rows of each run under a name that says whose they are; those of the same answers once, with all names."""
    if len(folders) == 1:
        return dict(rows[0])
    short = [Path(folder).name for folder in folders]
    names = short if len(set(short)) == len(short) else folders
    found: list[tuple[str, list[str], Answers]] = []
    for whose, own in zip(names, rows, strict=True):
        for name, answers in own.items():
            same = next((others for _, others, other in found if _same_answers(answers, other)), None)
            if same is None:
                found.append((name, [whose], answers))
            else:
                same.append(whose)
    return {f"{name} ({', '.join(whose)})": answers for name, whose, answers in found}


def _common(prompts: Sequence[Sequence[Prompt]]) -> set[str]:
    """Ids of the prompts that are everywhere, and the same everywhere."""
    first, *others = (by_id(some) for some in prompts)
    return {
        id
        for id, prompt in first.items()
        if all(id in other and other[id].messages == prompt.messages for other in others)
    }


def _only(answers: Answers, ids: set[str]) -> Answers:
    kept = [(a, v) for a, v in zip(answers.attempts, answers.verdicts, strict=True) if a.prompt_id in ids]
    return Answers([a for a, _ in kept], [v for _, v in kept])


def _same_answers(one: Answers, other: Answers) -> bool:
    """Whether two rows are one model's answers: they have the same keys."""
    return [a.id for a in one.attempts] == [a.id for a in other.attempts]


def _models(models: Sequence[str], settings: CompareSettings, say: Say) -> Comparison | Estimate:
    if settings.prompts is None or settings.out is None:
        raise BadInput(
            f"compare {' '.join(models)}: no run's folder among them; models are compared with "
            "--prompts FILE and --out FOLDER"
        )
    asked = _drawn(replace(settings, judge=settings.judge or "rules"), DEFAULTS)
    check_place(asked, [*models, *judge_models(str(asked.judge))])
    what = ProbeSettings(
        model=" ".join(models),
        prompts=settings.prompts,
        out=settings.out,
        judge=asked.judge or "rules",
        judge_base_url=settings.judge_base_url,
        prompt_column=settings.prompt_column,
        expected=settings.expected,
        **{name: getattr(asked, name) for name in DRAWN},
        limit=settings.limit,
    )
    files = read(what)
    prompts = [*files.train, *files.proof]
    planned = foretold(
        settings, lambda: of_comparison(asked, models, prompts, sampling_of(asked).max_new_tokens, 0), say
    )
    if planned is not None:
        return planned
    some = {name: getattr(settings, name) for name in ("base_url", *PLACE)}  # of some of the models
    depends = identity(what) | some
    with run.open_run(settings.out, depends) as journal:
        run.store(journal, "prompt", prompts)
        by = judge_of(asked)
        rows = {}
        for name in models:
            model = _model(name, settings)
            rows[name] = answer(model, prompts, asked, by, journal, row=name, method=plain)
        comparison = compare(prompts, rows, paper="compare", judge=f"{by.name} {by.version}", settings=depends)
    run.write_comparison(Path(settings.out) / "comparison.json", comparison)
    return comparison
