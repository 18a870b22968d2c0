"""What the context-filter experiment found: figures over seeds and questions, and the chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core import statistics
from hansei.core.drawing import COLOURS, MARKS, canvas, save
from hansei.core.records import Figure, Prompt
from hansei.core.result import Row

if TYPE_CHECKING:
    from hansei.reading.context_filter_cells import Cell

Found = Sequence[tuple["Cell", Mapping[str, Any]]]
"""Every cell, and what `run_cell` found."""
Values = Mapping[str, Mapping[str, float | None]]
"""Of each question `right` (exact match), `context` (tokens of passages before the answer), `read` (all tokens)."""
TITLES = {
    "untaught": "all passages, not taught",
    "full": "all passages (FULL)",
    "passages": "passages that the filter kept (PSG)",
    "filtered": "sentences that the filter wrote (FILCO)",
    "silver": "sentences that the measure keeps (SILVER)",
}
"""Settings in the order of the tables."""


def chosen(found: Found, validation: Sequence[Prompt]) -> dict[str, str]:
    """For each kind of question the measure whose filter and answer models are right most often on validation."""
    best = {}
    for task, ids in _by_task(validation).items():
        scores: dict[str, list[float]] = {}
        for cell, made in found:
            if cell.measure is not None:
                values = made["filtered"]["validation"]
                scores.setdefault(cell.measure, []).extend(values[i]["right"] or 0.0 for i in ids)
        best[task] = max(scores, key=lambda measure: sum(scores[measure]))
    return best


def rows(found: Found, best: Mapping[str, str], heldout: Sequence[Prompt]) -> list[Row]:
    """A row a setting: exact match, also of each kind of question; context tokens; all tokens read."""
    return [
        {"row": title, "exact_match": _figure(seeds, heldout, "right")}
        | {task: _figure(seeds, of, "right") for task, of in _prompts_by_task(heldout).items()}
        | {"context_tokens": _mean(seeds, heldout, "context"), "tokens_read": _mean(seeds, heldout, "read")}
        for setting, title in TITLES.items()
        if (seeds := _seeds(found, setting, best, heldout))
    ]


def differences(found: Found, best: Mapping[str, str], heldout: Sequence[Prompt]) -> list[Row]:
    """What each setting has more than all passages, question by question: exact match, and share of context saved."""
    full = _seeds(found, "full", best, heldout)
    clusters = [_cluster(prompt) for prompt in heldout]
    made: list[Row] = []
    for setting in ("passages", "filtered", "silver"):
        seeds = _seeds(found, setting, best, heldout)
        right = statistics.paired_two_way_bootstrap(
            _grid(full, heldout, "right"), _grid(seeds, heldout, "right"), clusters
        )
        saved = [
            [_saved(before[p.id]["context"], after[p.id]["context"]) for p in heldout]
            for before, after in zip(full, seeds, strict=True)
        ]
        row = {"exact_match": right, "context_saved": statistics.two_way_bootstrap(saved, clusters)}
        made.append({"row": f"{TITLES[setting]} minus FULL"} | row)
    return made


def by_measure(found: Found, heldout: Sequence[Prompt]) -> list[Row]:
    """The measures by kind of question: how right each setting is, what stays, and how well the filter copies it."""
    made: list[Row] = []
    for task, of in _prompts_by_task(heldout).items():
        for measure in dict.fromkeys(cell.measure for cell, _ in found if cell.measure is not None):
            mine = [cells for cell, cells in found if cell.measure == measure]
            row = {s: _figure([cells[s]["heldout"] for cells in mine], of, "right") for s in ("silver", "filtered")}
            copied = [[cells["copied"][p.id] for p in of] for cells in mine]
            made.append(
                {"row": f"{task}, {measure}", "task": task, "measure": measure}
                | row
                | {"copied": statistics.rate(copied, [_cluster(p) for p in of])}
                | {"context_tokens": _mean([cells["filtered"]["heldout"] for cells in mine], of, "context")}
                | {"silver_tokens": _mean([cells["silver"]["heldout"] for cells in mine], of, "context")}
            )
    return made


def steps(found: Found) -> list[str]:
    """How many steps validation has chosen for each model, in lines."""
    counted: dict[str, Counter[int]] = {}
    for cell, made in found:
        for name, number in made["steps"].items():
            counted.setdefault(name if cell.measure is None else f"{name}, {cell.measure}", Counter())[number] += 1
    return [
        f"{name}: " + ", ".join(f"{number} steps ({times} seeds)" for number, times in sorted(counts.items()))
        for name, counts in counted.items()
    ]


def missing(found: Found) -> int:
    """Answers that did not come."""
    return sum(
        value["right"] is None
        for _, made in found
        for setting in TITLES
        for value in made.get(setting, {}).get("heldout", {}).values()
    )


def chart(table: Sequence[Row], path: str | Path) -> str:
    """Exact match against context tokens, a mark a setting."""
    figure, axis = canvas(width=6.4, height=3.8)
    for row, colour, mark in zip(table, COLOURS, MARKS, strict=False):
        right, context = row["exact_match"], row["context_tokens"]
        if right.value is None or context.value is None:
            continue
        bars = (
            [[100 * (right.value - right.low)], [100 * (right.high - right.value)]] if right.low is not None else None
        )
        axis.errorbar([context.value], [100 * right.value], bars, fmt=mark, color=colour, capsize=2, label=row["row"])
    axis.set_xlabel("tokens of passages that the answer model reads, mean of a question")
    axis.set_ylabel("exact match, % of questions")
    axis.set_xlim(left=0)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncol=1, fontsize=8)
    return save(figure, path)


def _seeds(found: Found, setting: str, best: Mapping[str, str], prompts: Sequence[Prompt]) -> list[Values]:
    """What each seed measured in a setting; of filters, each question by the measure chosen for its kind."""
    if setting in ("untaught", "full"):
        return [made[setting]["heldout"] for cell, made in found if cell.measure is None and setting in made]
    by_seed: dict[int, dict[str, Values]] = {}
    for cell, made in found:
        if cell.measure is not None:
            by_seed.setdefault(cell.seed, {})[cell.measure] = made[setting]["heldout"]
    return [{p.id: of[best[p.tags["task"]]][p.id] for p in prompts} for _, of in sorted(by_seed.items())]


def _figure(seeds: Sequence[Values], prompts: Sequence[Prompt], name: str) -> Figure:
    return statistics.rate(_grid(seeds, prompts, name), [_cluster(prompt) for prompt in prompts])


def _mean(seeds: Sequence[Values], prompts: Sequence[Prompt], name: str) -> Figure:
    return statistics.two_way_bootstrap(_grid(seeds, prompts, name), [_cluster(prompt) for prompt in prompts])


def _grid(seeds: Sequence[Values], prompts: Sequence[Prompt], name: str) -> list[list[float | None]]:
    return [[values[prompt.id][name] for prompt in prompts] for values in seeds]


def _saved(before: float | None, after: float | None) -> float | None:
    return None if not before or after is None else 1 - after / before


def _cluster(prompt: Prompt) -> str:
    return prompt.tags.get("entity", prompt.id)


def _prompts_by_task(prompts: Sequence[Prompt]) -> dict[str, list[Prompt]]:
    found: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        found.setdefault(prompt.tags["task"], []).append(prompt)
    return found


def _by_task(prompts: Sequence[Prompt]) -> dict[str, list[str]]:
    return {task: [prompt.id for prompt in of] for task, of in _prompts_by_task(prompts).items()}
