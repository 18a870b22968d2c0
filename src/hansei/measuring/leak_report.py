"""The part of `hansei measure contamination` that asks a model, and the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result, Row
from hansei.core.statistics import bootstrap, paired_bootstrap
from hansei.measuring.corpus import read_texts
from hansei.measuring.detection import auroc
from hansei.measuring.leak_continuation import chat_writer, guided_completion, ngram_accuracy, plain_writer
from hansei.measuring.leak_order import OrderTest, order_test
from hansei.measuring.leak_signals import local, model_signals, summed

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.measuring.contamination import Settings
    from hansei.models.local import LocalModel

STRIDE = 0.5
"""How far the window moves over a text longer than the context, as a share of the context."""


@dataclass(frozen=True)
class Asked:
    """Who is asked, and what besides the test set; read before any long work."""

    model: LocalModel
    """Has it read the test set?"""
    reference: LocalModel | None
    """One that has not."""
    control: Sequence[str] | None
    """Texts that the model has not read."""
    copies: Sequence[str] | None
    """The test set in other words, item by item."""


def asked_of(settings: Settings, items: int) -> Asked:
    """Loads and reads what the settings name. Raises BadInput where that can't be, or the copies are not `items`."""
    from hansei.models.load import load

    control = copies = None
    if settings.control is not None:
        control = [text.text for text in read_texts(settings.control, settings.columns)]
    if settings.rewritten is not None:
        copies = [text.text for text in read_texts(settings.rewritten, settings.columns, settings.limit)]
        if len(copies) != items:
            raise BadInput(
                f"{settings.rewritten}: a rewritten copy of each of the {items} items was expected, found "
                f"{len(copies)}: the two files go together line by line"
            )
    model = local(load(str(settings.model)))
    return Asked(model, None if settings.reference is None else local(load(settings.reference)), control, copies)


def model_parts(settings: Settings, asked: Asked, texts: Sequence[str], journal: Journal) -> dict[str, Sequence[Row]]:
    """A table of the detectors, and one of what is said of the set as a whole."""
    model = asked.model
    seen = model_signals(model, texts, asked.reference, journal)
    control = {} if asked.control is None else model_signals(model, asked.control, asked.reference, journal)
    whole: list[Row] = []
    if settings.permutations:
        score, draws = concatenated(model, journal), settings.permutations
        whole.append(_order_row(order_test(texts, score, settings.shards, draws, settings.seed)))
    if asked.copies is not None:
        whole.append(_rewritten_row(model, texts, asked.copies, journal))
    if settings.name is not None:
        write = chat_writer(model, journal) if model.templated else plain_writer(model, journal)
        gain = guided_completion(write, texts, settings.name, settings.split, settings.seed)
        whole.append({"row": "guided completion", "gain": gain})
    return {"item-by-item": detector_rows(seen, control), "whole-set": whole}


def detector_rows(
    seen: Mapping[str, Sequence[float | None]], control: Mapping[str, Sequence[float | None]]
) -> list[Row]:
    """Mean score of the test set and of the control texts, and how well the score tells them apart."""
    rows: list[Row] = []
    for name, values in seen.items():
        row: dict[str, Any] = {"row": name, "seen": bootstrap(values)}
        if control:
            row |= {"control": bootstrap(control[name]), "auroc": auroc([values], [control[name]])}
        rows.append(row)
    return rows


def _order_row(found: OrderTest) -> dict[str, Any]:
    """Nats by which the published order is likelier than a random one, by shard, and the p-value."""
    return {"row": "published order", "gain_nats": bootstrap(found.differences), "t": found.t, "p": found.p}


def _rewritten_row(model: LocalModel, texts: Sequence[str], copies: Sequence[str], journal: Journal) -> dict[str, Any]:
    original, rewritten = ngram_accuracy(model, texts, journal), ngram_accuracy(model, copies, journal)
    return {
        "row": "5-gram accuracy",
        "original": bootstrap(original),
        "rewritten": bootstrap(rewritten),
        "gain": paired_bootstrap(rewritten, original),
    }


def concatenated(model: LocalModel, journal: Journal | None = None) -> Any:
    """Scores lists of items by the log-probability of all of them, one after another with blank lines between."""

    def score(lists: Sequence[Sequence[str]]) -> list[float]:
        return long_log_probability(model, ["\n\n".join(items) for items in lists], journal)

    return score


def long_log_probability(model: LocalModel, texts: Sequence[str], journal: Journal | None = None) -> list[float]:
    """Log-probability of each text; of one longer than the context in windows that overlap by half.

    Each token is scored once, by the first window that holds it.
    """
    context = model.context or 1 << 30
    step = max(1, int(context * STRIDE))
    owners: list[int] = []
    new: list[int] = []
    rows: list[list[int]] = []
    for i, text in enumerate(texts):
        start_id = model.tokenizer.bos_token_id
        found = model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        ids = [*([] if start_id is None else [start_id]), *found]
        done = 1
        while done < len(ids):
            start = 0 if done == 1 else max(0, done - step)
            end = min(len(ids), start + context)
            rows.append(ids[start:end])
            owners.append(i)
            new.append(end - done)
            done = end
    sums = [0.0] * len(texts)
    for i, value in zip(owners, summed(model, rows, new, journal), strict=True):
        sums[i] += value
    return sums


def chart(result: Result) -> Any:
    """Shares of contaminated items, and the AUROC of each detector where there is a control."""
    from hansei.core.drawing import COLOURS, canvas

    bars: list[tuple[str, Figure]] = [(str(row["row"]), row["contaminated"]) for row in result.rows]
    for rows in result.parts.values():
        bars += [(f"AUROC {row['row']}", row["auroc"]) for row in rows if "auroc" in row]
    figure, axis = canvas(width=7.0, height=0.32 * max(2, len(bars)) + 0.9)
    for i, (_, found) in enumerate(bars):
        if found.value is None:
            continue
        colour = COLOURS[0 if i < len(result.rows) else 1]
        axis.barh(i, found.value, color=colour, height=0.6)
        if found.low is not None and found.high is not None:
            axis.plot([found.low, found.high], [i, i], color="black", linewidth=1)
    axis.set_yticks(range(len(bars)), [name for name, _ in bars])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of items with a copy in the training set; AUROC of detectors (0.5: blind)")
    return figure
