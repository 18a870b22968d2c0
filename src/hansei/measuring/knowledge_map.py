"""Knowledge maps (LLMMaps, arXiv 2304.00457): a model's accuracy by field of knowledge, with its uncertainty.

`hansei measure knowledge-map` reads LLMMaps' own files (.qar, .qaa, .hir) or plain rows with scores, and draws the
map as SVG and as an interactive page that works offline. What a stratifier answers is kept in the journal of --out.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.drawing import COLOURS
from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.measuring.knowledge_data import (
    Benchmark,
    Node,
    Question,
    Score,
    read_answers,
    read_plain,
    read_questions,
    read_tree,
)
from hansei.measuring.knowledge_stats import Stats, stats
from hansei.measuring.knowledge_svg import draw
from hansei.models.names import check_address

if TYPE_CHECKING:
    from hansei.measuring.knowledge_fields import Stratified

POSITIONAL = ("answers",)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure knowledge-map`."""

    answers: tuple[str, ...]
    """Each a model's answers: .qaa files of LLMMaps, or JSONL, CSV or Parquet with id and score (0 to 1); optional
    columns: category ("Biology / Cells"), model, difficulty (1 to 5), bloom, seconds, question."""
    questions: str | None = None
    """The .qar file of the questions; needed with .qaa files."""
    hierarchy: str | None = None
    """The fields: a .hir file with the questions' ids, or a taxonomy (nested JSON, or lines indented by two spaces)
    that --stratifier fills. Without it: the column category."""
    stratifier: str | None = None
    """A chat model that puts each question into a field of --hierarchy, or, without one, of a tree that it drafts;
    a folder, a Hugging Face name, or openai:NAME."""
    base_url: str | None = None
    """Address of the server of an openai: stratifier."""
    topic: str = ""
    """What the benchmark is about, for a stratifier that drafts the tree, such as biomedicine."""
    name: str | None = None
    """Title of the map; the name of the questions' file where not given."""
    empty_leaves: bool = False
    """Draw fields without a question too."""
    out: str | None = None
    """Folder for map.svg, map.html and result.json, and for the journal of what a stratifier has answered: the same
    folder again goes on where it stopped. Nothing is kept without it."""

    def __post_init__(self) -> None:
        if not self.answers:
            raise BadInput("knowledge-map: name one file of answers at least")
        if len(self.answers) > len(COLOURS):
            raise BadInput(f"knowledge-map: at most {len(COLOURS)} models can be told apart, found {len(self.answers)}")
        check_address(self, "base_url", "stratifier")


def run(settings: Settings) -> Result:
    """Reads, stratifies where asked to, measures every field, and draws. Raises BadInput at what can't be read."""
    started = time.monotonic()
    if settings.out:
        check_writable(Path(settings.out))
    benchmark, errors = read(settings)
    drawn = draw(benchmark, empty_leaves=settings.empty_leaves)
    fields = {child.name: tuple(child.everything()) for child in benchmark.tree.children}
    result = Result(
        name="knowledge-map",
        settings=asdict(settings),
        rows=[_row(model, stats(benchmark, model, benchmark.questions)) for model in benchmark.scores],
        parts={
            "fields": [
                _row(f"{model}: {field}", stats(benchmark, model, keys))
                for model in benchmark.scores
                for field, keys in fields.items()
            ],
            "Bloom's levels": [
                {"row": model} | dict(stats(benchmark, model, benchmark.questions).bloom) for model in benchmark.scores
            ],
        },
        numbers=frozenset({"seconds_an_answer", "mean_difficulty", "hallucination_score"}),
        hidden=frozenset({"of"}),
        notes=[
            f"{len(benchmark.questions)} questions, {sum(1 for _ in benchmark.tree.leaves())} leaves, "
            f"{drawn.left_out} of them without a question and not drawn",
            "hallucination score: 0 accuracy falls with difficulty, 1 it rises; only signs count, mind the noise",
            *benchmark.remarks,
        ],
        errors=errors,
        seconds=time.monotonic() - started,
    )
    return _written(result, benchmark, drawn.svg, Path(settings.out)) if settings.out else result


def read(settings: Settings) -> tuple[Benchmark, int]:
    """The questions, scores and fields that the settings name, and how many answers of a stratifier did not come.

    Raises BadInput at what is missing or doesn't fit.
    """
    released = [Path(a).suffix.lower() == ".qaa" for a in settings.answers]
    if any(released) and not all(released):
        raise BadInput("knowledge-map: .qaa files and plain rows can't be mixed: convert one of them")
    remarks: list[str] = []
    tree: Node | None = None
    if all(released):
        if settings.questions is None:
            raise BadInput("knowledge-map: .qaa files need --questions FILE.qar")
        questions = read_questions(settings.questions)
        scores = _released(settings.answers, remarks)
    else:
        questions, scores, tree = read_plain(settings.answers)
        if settings.questions is not None:
            raise BadInput("knowledge-map: --questions goes with .qaa files; plain rows bring theirs")
    if not any(scores.values()):
        raise BadInput(f"{settings.answers[0]}: no answer bears a score")
    tree, errors = _fields(settings, questions, tree, remarks)
    _known(questions, scores, tree, remarks)
    title = settings.name or Path(settings.questions or settings.answers[0]).stem
    return Benchmark(title, questions, scores, tree, tuple(remarks)), errors


def _released(answers: Iterable[str], remarks: list[str]) -> dict[str, dict[str, Score]]:
    scores: dict[str, dict[str, Score]] = {}
    for path in answers:
        name = Path(path).stem
        if name in scores:
            raise BadInput(f"{path}: two files are called {name}: rename one, as the name is the model's")
        scores[name], without = read_answers(path)
        if without:
            remarks.append(f"{name}: {without} answers without a score, left out")
    return scores


def _fields(
    settings: Settings, questions: dict[str, Question], tree: Node | None, remarks: list[str]
) -> tuple[Node, int]:
    if settings.stratifier is not None:
        found = _stratified(settings, list(questions.values()))
        remarks.extend(found.remarks)
        return found.tree, found.errors
    if settings.hierarchy is not None:
        return read_tree(settings.hierarchy), 0
    if tree is None:
        raise BadInput("knowledge-map: no fields: give a column category, --hierarchy FILE, or --stratifier MODEL")
    return tree, 0


def _stratified(settings: Settings, questions: list[Question]) -> Stratified:
    from hansei.core.journal import Journal
    from hansei.measuring.knowledge_data import read_taxonomy
    from hansei.measuring.knowledge_fields import check, stratify
    from hansei.models.load import load

    given = read_taxonomy(settings.hierarchy) if settings.hierarchy else None
    check(questions, given, settings.topic)
    model = load(str(settings.stratifier), base_url=settings.base_url)
    with tempfile.TemporaryDirectory() as passing, Journal.open(settings.out or passing) as journal:
        return stratify(model, questions, given, settings.topic, journal)


def _known(questions: dict[str, Question], scores: dict[str, dict[str, Score]], tree: Node, remarks: list[str]) -> None:
    """Raises BadInput where answers or fields name none of the questions; tells what only some of them name."""
    for model, answered in scores.items():
        strange = answered.keys() - questions.keys()
        if len(strange) == len(answered):
            raise BadInput(f"{model}: none of its answers is to one of the questions (such as {min(strange)!r})")
        if strange:
            remarks.append(f"{model}: {len(strange)} answers to other questions, left out")
            for key in strange:
                del answered[key]
    placed = Counter(tree.everything())
    if not placed.keys() & questions.keys():
        raise BadInput("knowledge-map: the hierarchy names none of the questions")
    unplaced = len(questions.keys() - placed.keys())
    if unplaced:
        remarks.append(f"{unplaced} questions stand in no field: in the overall figures, not on the map")
    twice = sum(n > 1 for n in placed.values())
    if twice:
        remarks.append(f"{twice} questions stand in more than one field, and count in each")


def _row(name: str, found: Stats) -> dict[str, Any]:
    def number(value: float | None) -> Figure:
        return Figure(value, None, None, found.asked if value is not None else 0)

    return {
        "row": name,
        "accuracy": found.accuracy,
        "of": found.questions,
        "seconds_an_answer": number(found.seconds),
        "mean_difficulty": number(found.difficulty),
        "hallucination_score": number(found.hallucination),
    }


def _written(result: Result, benchmark: Benchmark, svg: str, out: Path) -> Result:
    import json

    out.mkdir(parents=True, exist_ok=True)
    files = [out / "map.svg", out / "map.html", out / "result.json"]
    write_atomic(files[0], svg)
    write_atomic(files[1], page(benchmark, svg))
    result = replace(result, files=tuple(map(str, files)))
    write_atomic(files[2], json.dumps(result.to_json(), indent=1, allow_nan=False) + "\n")
    return result


def page(benchmark: Benchmark, svg: str) -> str:
    """The map as one page that works offline: search, size, models on and off, figures on click."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(loader=PackageLoader("hansei.measuring", "."), autoescape=True, undefined=StrictUndefined)
    models = list(zip(benchmark.scores, COLOURS, strict=False))
    inner = Markup(svg)  # noqa: S704 (ours: every name in it is escaped where it is drawn)
    return templates.get_template("knowledge_page.html").render(name=benchmark.name, models=models, svg=inner)
