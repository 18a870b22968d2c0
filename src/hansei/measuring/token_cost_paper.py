"""The measurements of `token-cost` on public parallel text: `hansei papers run token-cost --data DIR`.

Ahia et al., arXiv 2305.13707. Of its questions: tokens by language and script (FLORES-200, 204 languages; UDHR as a
second text), the cost of running a task (XQuAD's prompts), how many demonstrations fit, and what a tokenizer trained on
equal parallel text pays. Not here: generated text (no model is asked), utility, and affordability against wealth.

Deviations: 200 of FLORES's 1012 devtest sentences and XQuAD in place of XL-Sum, as these are the data at hand. The
byte-level BPE is trained on XQuAD's eleven languages and not on FLORES, whose devtest upstream asks to keep out of
training. Besides the paper: GPT-2's way of splitting words against one that keeps marks with their letters, and text
weighted for parity.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.progress import progress
from hansei.core.result import Result
from hansei.measuring.byte_bpe import GPT2, WITH_MARKS, train, train_for_parity
from hansei.measuring.parallel_text import Parallel, read_parallel
from hansei.measuring.premiums import Priced, language_rows
from hansei.measuring.token_cost import price, result_of
from hansei.measuring.token_counts import load_tokenizer, unique_labels

XQUAD_TO_FLORES = {
    "ar": "arb_Arab",
    "de": "deu_Latn",
    "el": "ell_Grek",
    "en": "eng_Latn",
    "es": "spa_Latn",
    "hi": "hin_Deva",
    "ro": "ron_Latn",
    "ru": "rus_Cyrl",
    "th": "tha_Thai",
    "tr": "tur_Latn",
    "vi": "vie_Latn",
}
PUBLISHED_CL100K = {
    "por_Latn": 1.48,
    "deu_Latn": 1.58,
    "ita_Latn": 1.64,
    "zho_Hans": 1.91,
    "jpn_Jpan": 2.30,
    "arb_Arab": 3.04,
    "mya_Mymr": 11.70,
    "dzo_Tibt": 12.33,
    "ory_Orya": 12.48,
    "shn_Mymr": 15.05,
}
"""Premiums of cl100k_base over English as later work cites them from Petrov et al., arXiv 2305.15425, table 1; on the
whole of FLORES-200."""
ENGLISH_SIZE = 10_000
"""Vocabulary of the tokenizer that is trained on English alone: the text gives hardly more."""
ROUNDS = 4
CONTEXT = 4096
ANSWER = 256


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    data: str | None = None
    """Folder that holds flores200, xquad and udhr."""
    tokenizers: tuple[str, ...] = ("town",)
    """Tokenizers to be compared: folders, Hugging Face names, tokenizer.json files, `town`."""
    sizes: tuple[int, ...] = (5000, 10_000, 20_000, 50_000)
    """Vocabulary sizes of the byte-level BPE tokenizers that are trained."""
    draws: int = 1000
    """Bootstrap resamples of rows behind each interval."""
    seed: int = 0
    """Seed of the resamples and of the order of demonstrations."""
    out: str | None = "runs/token-cost"
    """Folder for the charts and result.json."""
    quick: bool = False
    """One vocabulary size; for looking, not for quoting."""
    dry_run: bool = False
    """Print what would be measured, and how long it takes, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput without data, or for settings that make no experiment."""
        if not self.data:
            raise BadInput(
                "papers run token-cost: public data were expected: give the folder of flores200, xquad and udhr "
                "with --data DIR"
            )
        if not self.tokenizers or not self.sizes or min(self.sizes) < 300 or self.draws < 100:
            raise BadInput(
                "papers run token-cost: tokenizers, sizes of 300 or more and draws of 100 or more were expected, found "
                f"{self.tokenizers}, {self.sizes} and {self.draws}"
            )


def run(settings: Settings) -> Result:
    """All parts, on the data folder given."""
    started = time.monotonic()
    if settings.quick:
        settings = replace(settings, sizes=settings.sizes[:1])
    flores, xquad, udhr = (_text(settings, name) for name in ("flores200", "xquad", "udhr/udhr2.zip"))
    trainings = 2 * len(settings.sizes) + ROUNDS + 2
    seconds = 10 * len(settings.tokenizers) + 5 * trainings
    print(f"{len(settings.tokenizers)} tokenizers, {trainings} trainings; about {seconds} s on one core", flush=True)
    if settings.dry_run:
        return Result(name="token-cost", kind="paper", settings=asdict(settings), rows=[])
    tokenizers = unique_labels({name: load_tokenizer(name) for name in settings.tokenizers})
    priced = {label: _price(tokenizer, flores, label, settings) for label, tokenizer in tokenizers.items()}
    trained = _trained(xquad, _flores_of_xquad(flores), settings)
    shown = asdict(settings) | {"data": Path(str(settings.data)).name, "tokenizers": list(tokenizers)}
    result = result_of(priced, flores, shown, time.monotonic() - started, kind="paper")
    more = {
        "published": _published_rows(priced),
        "trained": [_trained_row(label, one) for label, one in trained.items()],
        "prompts": _prompt_rows(tokenizers, xquad, settings),
        "two-texts": [_agreement_row(label, tokenizers[label], one, udhr, settings) for label, one in priced.items()],
    }
    said = [*result.notes, *(f"UDHR: left out, as its file is empty: {name}" for name in udhr.dropped)]
    result = replace(result, notes=said, parts={**result.parts, **more}, seconds=time.monotonic() - started)
    return _written(result, priced, trained, settings.out) if settings.out else result


def _text(settings: Settings, name: str) -> Parallel:
    path = Path(str(settings.data)) / name
    if not path.exists():
        raise BadInput(f"{path}: parallel text was expected, found none: give the folder that holds it with --data DIR")
    return replace(read_parallel(path), name=name)


def _price(tokenizer: Any, text: Parallel, label: str, settings: Settings) -> Priced:
    room = CONTEXT - ANSWER
    return price(tokenizer, text, label, draws=settings.draws, seed=settings.seed, room=room, million=None)


def _flores_of_xquad(flores: Parallel) -> Parallel:
    """FLORES in the languages of XQuAD."""
    return replace(flores, rows={name: flores.rows[name] for name in XQUAD_TO_FLORES.values()})


def _trained(xquad: Parallel, measured: Parallel, settings: Settings) -> dict[str, Priced]:
    """Tokenizers trained on XQuAD's text, the same content in each language, measured on FLORES's languages."""
    rows = {name: list(dict.fromkeys(line for t in xquad.rows[name] for line in t.split("\n"))) for name in xquad.rows}
    jobs: dict[str, Any] = {
        f"English alone, {ENGLISH_SIZE}": lambda: train({"en": rows["en"]}, ENGLISH_SIZE),
    }
    for size in settings.sizes:
        jobs[f"equal text, {size}"] = lambda size=size: train(rows, size, WITH_MARKS)
        jobs[f"equal text, {size}, GPT-2's splitting"] = lambda size=size: train(rows, size, GPT2)
    last = settings.sizes[-1]
    jobs[f"weighted for parity, {last}"] = lambda: train_for_parity(rows, last, ROUNDS)
    return {label: _price(job(), measured, label, settings) for label, job in progress(list(jobs.items()), "trainings")}


def _trained_row(label: str, priced: Priced) -> dict[str, Any]:
    """One trained tokenizer: summary, and the premium of each language of XQuAD."""
    premiums = {name: float(priced.premium(name)) for name in priced.tokens}
    dearest = max(premiums, key=lambda name: premiums[name])
    return {
        "row": label,
        "tokens_of_English": priced.total(priced.reference),
        "largest_premium": round(premiums[dearest], 3),
        "dearest": dearest,
        **{name.split("_")[0]: round(premium, 2) for name, premium in premiums.items()},
    }


def _published_rows(priced: Mapping[str, Priced]) -> list[dict[str, Any]]:
    """Languages whose premium for cl100k_base has been published, beside what is measured here."""
    return [
        {"row": name, "published_for_cl100k_base": published}
        | {f"premium_{label}": one.premiums[name] for label, one in priced.items()}
        for name, published in PUBLISHED_CL100K.items()
    ]


def _prompt_rows(tokenizers: Mapping[str, Any], xquad: Parallel, settings: Settings) -> list[dict[str, Any]]:
    """XQuAD's prompts (passage, question, answer): premium, and demonstrations in a window of 4096 tokens."""
    rows = []
    for label, tokenizer in tokenizers.items():
        found = language_rows(_price(tokenizer, xquad, label, settings))
        wanted = ("premium", "context_lost_percent", "demonstrations", "no_room_percent")
        rows += [{"row": f"{label}, {row['row']}"} | {name: row[name] for name in wanted} for row in found]
    return rows


def _agreement_row(label: str, tokenizer: Any, flores: Priced, udhr: Parallel, settings: Settings) -> dict[str, Any]:
    """How the premiums of the Universal Declaration of Human Rights go with those of FLORES."""
    from scipy.stats import spearmanr

    codes = [name.split("_")[0] for name in flores.tokens]
    both = {name: code for name, code in zip(flores.tokens, codes, strict=True) if code in udhr.rows}
    both = {name: code for name, code in both.items() if codes.count(code) == 1}
    second = _price(tokenizer, replace(udhr, rows={code: udhr.rows[code] for code in both.values()}), label, settings)
    first_L = np.array([float(flores.premium(name)) for name in both])
    second_L = np.array([float(second.premium(code)) for code in both.values()])
    away = np.abs(np.log(second_L / first_L))
    return {
        "row": label,
        "languages_in_both": len(both),
        "rank_correlation": round(float(spearmanr(first_L, second_L).statistic), 3),
        "median_premium_FLORES": round(float(np.median(first_L)), 3),
        "median_premium_UDHR": round(float(np.median(second_L)), 3),
        "median_difference_percent": round(100 * float(np.expm1(np.median(away))), 1),
        "farthest_apart": list(both)[int(np.argmax(away))],
    }


def _written(result: Result, priced: Mapping[str, Priced], trained: Mapping[str, Priced], out: str) -> Result:
    from hansei.core.output import with_files
    from hansei.measuring.token_cost_chart import heat_map

    charts: dict[str, Any] = {"token-cost.svg": heat_map(priced), "token-cost-trained.svg": heat_map(trained)}
    first: Sequence[str] = list(priced)[:1]
    if len(priced) > 1:
        charts["token-cost-parts.svg"] = heat_map({first[0]: priced[first[0]]})
    return with_files(result, out, charts)
