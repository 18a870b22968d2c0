"""Rows, fits and chart of `hansei papers run sparse-autoencoder`, from what its tasks found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hansei.core.drawing import COLOURS, MARKS, canvas, save
from hansei.core.records import Figure
from hansei.core.statistics import bootstrap, paired_two_way_bootstrap, rate, two_way_bootstrap
from hansei.inside.sparse_law import Law, fit_joint, fit_power, joint, power

if TYPE_CHECKING:
    from hansei.inside.sparse_town import RecoveryTask

Found = Mapping[str, Any]
ORDER = (
    "none",
    "1 refusal latent",
    "4 refusal latents",
    "10 refusal latents",
    "refusal detector",
    "1 control latent",
    "4 control latents",
    "10 control latents",
    "most frequent latent",
)
"""Rows of the ablations."""
NUMBERS = frozenset({"loss", "loss_added", "loss_added_without", "kl", "probe_loss", "no_probe"})


def dead(seeds: Sequence[Found]) -> list[dict[str, Any]]:
    """The largest autoencoder with AuxK and without."""
    made: list[dict[str, Any]] = []
    for name in ("without AuxK", "with AuxK"):
        row: dict[str, Any] = {"row": name}
        for metric, key in (("dead_rate", "dead"), ("dead_heldout", "dead_heldout"), ("normalised_mse", "error")):
            row[metric] = _of_seeds([found[name][key] for found in seeds])
        made.append(row)
    return made


def substituted(seeds: Sequence[Found]) -> list[dict[str, Any]]:
    """What the model loses with the autoencoder in it, and what can be said of single latents."""
    inside = [found["substituted"] for found in seeds]
    row: dict[str, Any] = {"row": "with AuxK", "loss": two_way_bootstrap([found["loss"] for found in inside])}
    for metric, key in (("loss_added", "with_sae"), ("loss_added_without", "without")):
        before, after = [found["loss"] for found in inside], [found[key] for found in inside]
        row[metric] = paired_two_way_bootstrap(before, after)
    row["kl"] = two_way_bootstrap([found["kl"] for found in inside])
    single = [found["single"] for found in seeds]
    for metric, key in (("pattern_precision", "precision"), ("pattern_recall", "recall")):
        row[metric] = two_way_bootstrap([found[key] for found in single])
    row["ablation_sparsity"] = two_way_bootstrap([found["ablation_sparsity"] for found in single])
    return [row]


def _of_seeds(values: Sequence[float]) -> Figure:
    figure = bootstrap(values)
    return Figure(figure.value, figure.low, figure.high, figure.n, tuple(values))


def concepts(seeds: Sequence[Found]) -> list[dict[str, Any]]:
    """Precision and recall on held-out items of the latent that was chosen on the others, with its threshold."""
    made = []
    for name in seeds[0]["concepts"]:
        here = [found["concepts"][name] for found in seeds]
        pairs = [list(zip(h["fires"], h["label"], strict=True)) for h in here]
        made.append(
            {
                "row": name,
                "precision": rate([[float(label) if fires else None for fires, label in seed] for seed in pairs]),
                "recall": rate([[float(fires) if label else None for fires, label in seed] for seed in pairs]),
                "share_of_prompts": rate([[float(label) for _, label in seed] for seed in pairs]),
                "probe_loss": _of_seeds([h["probe_loss"] for h in here]),
                "no_probe": _of_seeds([h["prior_loss"] for h in here]),
            }
        )
    return made


def ablation(seeds: Sequence[Found]) -> list[dict[str, Any]]:
    """Refusals of dangerous requests, answers to them, right answers to safe ones, and the change by an ablation."""
    made = []
    before = [found["ablation"]["none"] for found in seeds]
    for name in ORDER:
        here = [found["ablation"].get(name) for found in seeds]
        if None in here:
            continue  # a student that refuses nothing has no such latents
        row: dict[str, Any] = {"row": name, "refusal_rate": rate([h["refused"] for h in here])}
        row["answers_to_dangerous"] = rate([h["answered"] for h in here])
        row["right_answers"] = rate([h["right"] for h in here])
        if name != "none":
            for metric, key in (("change_of_refusals", "refused"), ("change_of_right_answers", "right")):
                row[metric] = paired_two_way_bootstrap([b[key] for b in before], [h[key] for h in here])
        made.append(row)
    return made


def students(seeds: Sequence[Found]) -> list[dict[str, Any]]:
    """How each student came to be: its steps, and what it does with the validation items' requests."""
    return [
        {"row": f"student {number}", "steps": found["steps"]}
        | {f"{name}_on_validation": f"{100 * found[name]:.1f}%" for name in ("refuses", "right")}
        for number, found in enumerate(seeds)
    ]


def dead_by_k(grid: Sequence[Found], without: Sequence[Found]) -> list[dict[str, Any]]:
    """The largest size at each k that was also trained without AuxK: one seed, the share dead on held-out tokens."""
    with_aux = {(g["latents"], g["k"]): g for g in grid}
    made = []
    for plain in without:
        n, k = plain["latents"], plain["k"]
        row: dict[str, Any] = {"row": f"n = {n}, k = {k}"}
        for name, found in (("with_AuxK", with_aux[n, k]), ("without_AuxK", plain)):
            row |= {f"dead_{name}": f"{100 * found['dead']:.1f}%", f"normalised_mse_{name}": _short(found["loss"])}
        made.append(row)
    return made


@dataclass(frozen=True)
class Laws:
    """The grid, its fits, and the largest size predicted from the others."""

    grid: Sequence[Found]
    rows: list[dict[str, Any]]
    predicted: list[dict[str, Any]]
    fits: dict[str, Any]
    joint: Law


def law(grid: Sequence[Found]) -> Laws:
    """L(n, k) fitted without the largest n, which it then predicts; L(n) at each k and L(C) over all of them."""
    n, k, loss = (np.array([float(g[key]) for g in grid]) for key in ("latents", "k", "loss"))
    smaller = n < n.max()
    fitted = fit_joint(n[smaller], k[smaller], loss[smaller])
    guessed = joint(fitted.values, n, k)
    rows = [
        {"row": f"n = {g['latents']}, k = {g['k']}", "normalised_mse": g["loss"], "dead_rate": g["dead"]} for g in grid
    ]
    for row, guess, used in zip(rows, guessed, smaller, strict=True):
        row |= {"law": _short(guess), "off_by": _off(guess, row["normalised_mse"]), "in_fit": bool(used)}
    fits: dict[str, Any] = {"L(n,k)": _parameters(fitted)}
    ahead = []
    for value in sorted(set(k)):
        alone = fit_power(n[smaller & (k == value)], loss[smaller & (k == value)])
        fits[f"L(n), k={value:.0f}"] = _parameters(alone)
        (largest,) = np.flatnonzero((n == n.max()) & (k == value))
        for name, guess in (("L(n,k)", guessed[largest]), ("L(n)", float(power(alone.values, n[largest])))):
            ahead.append(
                {
                    "row": f"{name}, n = {n.max():.0f}, k = {value:.0f}",
                    "predicted": _short(guess),
                    "measured": _short(loss[largest]),
                    "off_by": _off(guess, loss[largest]),
                }
            )
    compute, least = frontier(grid)
    fits["L(C)"] = _parameters(fit_power(compute, least))
    return Laws(grid, rows, ahead, fits, fitted)


def _off(guess: float, measured: float) -> str:
    return f"{100 * (guess / measured - 1):+.1f}%"


def _short(value: float) -> float:
    """Four digits, as tables show plain numbers as they are."""
    return float(f"{value:.4g}")


def _parameters(law: Law) -> dict[str, list[float]]:
    return {
        name: [float(v), float(low), float(high)]
        for name, v, low, high in zip(law.names, law.values, law.low, law.high, strict=True)
    }


def frontier(grid: Sequence[Found]) -> tuple[np.ndarray, np.ndarray]:
    """The least error at each compute, over all sizes at the largest k; only points that beat all cheaper ones.

    Compute in units of the cheapest point, so that the fit is well scaled.
    """
    most = max(g["k"] for g in grid)
    points = sorted((c, e) for g in grid if g["k"] == most for c, e in g["curve"])
    best: list[tuple[float, float]] = []
    for cost, error in points:
        if not best or error < best[-1][1]:
            best.append((cost / points[0][0], error))
    return np.array([c for c, _ in best]), np.array([e for _, e in best])


def recovery(tasks: Sequence[RecoveryTask], shares: Sequence[float]) -> list[dict[str, Any]]:
    """Share of the known directions that is found, by number of latents and of active ones."""
    groups: dict[tuple[int, int], list[float]] = {}
    for task, share in zip(tasks, shares, strict=True):
        groups.setdefault((task.latents, task.k), []).append(share)
    return [
        {"row": f"n = {n}, k = {k}", "recovered": _of_seeds(found), "latents": n, "k": k}
        for (n, k), found in sorted(groups.items())
    ]


def chart(laws: Laws, known: Sequence[Mapping[str, Any]], path: Path) -> str:
    """Error against size with the fitted law, the predicted size hollow; and the share of directions found."""
    figure, (left, right) = canvas(1, 2, width=9.0, height=3.6, gridspec_kw={"width_ratios": [1.5, 1]})
    sizes = sorted({g["latents"] for g in laws.grid})
    line = np.geomspace(sizes[0], sizes[-1], 50)
    for number, k in enumerate(sorted({g["k"] for g in laws.grid})):
        colour, mark = COLOURS[number], MARKS[number]
        left.plot(line, joint(laws.joint.values, line, np.full_like(line, k)), color=colour, linewidth=1)
        for g in laws.grid:
            if g["k"] == k:
                hollow = "white" if g["latents"] == sizes[-1] else colour
                left.plot(g["latents"], g["loss"], mark, color=colour, markerfacecolor=hollow, markersize=5)
        left.plot([], [], mark + "-", color=colour, label=f"k = {k}")
    left.set(xscale="log", yscale="log", xlabel="latents n", ylabel="normalised squared error")
    left.set_xticks(sizes, [str(n) for n in sizes])
    losses = [g["loss"] for g in laws.grid]
    ticks = [m * 10.0**e for e in range(-6, 1) for m in (1, 2, 5)]
    shown = [tick for tick in ticks if min(losses) / 1.3 <= tick <= 1.3 * max(losses)]
    left.set_yticks(shown, [f"{tick:g}" for tick in shown])
    left.minorticks_off()
    left.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=4)
    names = [str(row["row"]).replace(", ", "\n") for row in known]
    values = [row["recovered"] for row in known]
    for place, figure_ in enumerate(values):
        right.plot(place, figure_.value, MARKS[0], color=COLOURS[0])
        right.vlines(place, figure_.low, figure_.high, color=COLOURS[0])
    right.set(ylim=(0, 1.02), ylabel="directions found, of 2,000", xlim=(-0.5, len(names) - 0.5))
    right.set_xticks(range(len(names)), names)
    return save(figure, path)
