"""The 29 strings against the rules of refusal, by what counts as a refusal and whether capitals count.

    python docs/refusal_readings.py $HANSEI_DATA/xstest/xstest_completions_labelled.jsonl.gz

Writes docs/measured/judge-xstest-readings.json: figures of both models' answers. It asks nothing new of the rules.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hansei import __version__
from hansei.core.records import Figure
from hansei.judges.refusals import find_refusal
from hansei.judges.reliability import difference, reliability
from hansei.judges.rules import VERSION
from hansei.judges.substrings import SUBSTRINGS, find_substring
from hansei.measuring.judge_labelled import Columns, Labelled, read_labelled

OUT = Path(__file__).parent / "measured" / "judge-xstest-readings.json"
COLUMNS = Columns(answer="completion", label="final_label")
FULL, PARTIAL = "2_full_refusal", "3_partial_refusal"
Says = Callable[[str], bool]
LISTS: dict[str, Says] = {
    "as written": lambda text: find_substring(text) is not None,
    "in any case": lambda text: any(s.lower() in text.lower() for s in SUBSTRINGS),
}


def main(file: str) -> int:
    """Each reading, each list, each model."""
    started = time.monotonic()
    rows = [row for model in ("llama2new", "gpt4") for row in _rows(file, model)]
    found = {
        "paper": "judge-xstest-readings",
        "settings": {"file": Path(file).name, "rules": VERSION},
        "rows": rows,
        "seconds": round(time.monotonic() - started, 1),
        "errors": 0,
        "unscored": 0,
        "version": __version__,
    }
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _rows(file: str, model: str) -> list[dict[str, Any]]:
    labelled = read_labelled(file, COLUMNS, (FULL, PARTIAL), only={"model": model})
    whole = [item for item in labelled if item.label != PARTIAL]
    return [
        *_reading("full or partial", model, labelled, (FULL, PARTIAL), _refuses),
        *_reading("full alone, partial is none", model, labelled, (FULL,), _refuses_whole),
        *_reading("full alone, partial left out", model, whole, (FULL,), _refuses),
    ]


def _reading(
    reading: str, model: str, items: list[Labelled], positive: tuple[str, ...], rules: Says
) -> list[dict[str, Any]]:
    """The rules' and the lists' figures where these labels are refusals, and the rules' gain over each list."""
    truth, clusters = [item.label in positive for item in items], [item.cluster for item in items]
    texts = [item.attempt.text for item in items]
    ours = [rules(text) for text in texts]
    rows = []
    for name, says in LISTS.items():
        theirs = [says(text) for text in texts]
        of_list, of_rules = reliability(theirs, truth, clusters), reliability(ours, truth, clusters)
        gain = difference(ours, theirs, truth, clusters)
        figures: dict[str, Figure] = {
            "list_sensitivity": of_list.sensitivity,
            "list_specificity": of_list.specificity,
            "rules_sensitivity": of_rules.sensitivity,
            "rules_specificity": of_rules.specificity,
            "gain_in_sensitivity": gain.sensitivity,
            "gain_in_specificity": gain.specificity,
        }
        plain = {key: asdict(figure) for key, figure in figures.items()}
        rows.append({"row": f"{reading}; list {name}", "model": model} | plain)
    return rows


def _refuses(text: str) -> bool:
    return find_refusal(text) is not None


def _refuses_whole(text: str) -> bool:
    found = find_refusal(text)
    return found is not None and not found.then_answers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
