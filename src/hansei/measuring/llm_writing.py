"""AI training text for `llm-use`, written by a model from human documents in two steps.

Liang et al., arXiv 2404.01268 (and 2403.07183, section 4.6): the model first makes an outline of a human text, then
writes the outline out, so that the new text says the same things in the model's own words. The prompts are ours.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.measuring.sentences import Documents

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.models.protocol import Model

OUTLINE = (
    "Here is a passage. List what it says as a bare outline: short keywords and key phrases, one point a line, in "
    "order, without full sentences.\n\nPassage:\n{text}\n\nOutline:"
)
EXPAND = (
    "Write the passage that this outline was made for, in flowing prose of the same kind of text, without headings "
    "or lists, and without adding facts.\n\nOutline:\n{text}\n\nPassage:"
)


def write_ai_text(human: Documents, model: Model, out: str, *, count: int, sampling: Sampling) -> Path:
    """Writes a text for each of the first `count` human documents to OUT/ai.jsonl, and returns its path.

    Where the documents are unknown, each paragraph is one. What is finished is in the journal of `out`, and not asked
    again. Raises BadInput where the model wrote nothing, or an answer did not come.
    """
    from hansei.core.journal import Journal

    folder = Path(out)
    check_writable(folder)
    texts = ["\n".join(paragraphs) for paragraphs in human.paragraphs]
    if not human.known:
        texts = [paragraph for paragraphs in human.paragraphs for paragraph in paragraphs]
    with Journal.open(folder) as journal:
        outlines = _ask(model, OUTLINE, texts[:count], sampling, journal, "outlines")
        passages = _ask(model, EXPAND, outlines, sampling, journal, "passages")
    written = [passage for passage in passages if passage.strip()]
    if not written:
        raise BadInput(
            f"{model.name}: passages were expected, found none in {len(passages)} answers: try another model"
        )
    rows = [json.dumps({"text": passage}, ensure_ascii=False) for passage in written]
    write_atomic(folder / "ai.jsonl", "\n".join(rows) + "\n")
    return folder / "ai.jsonl"


def _ask(
    model: Model, wording: str, texts: Sequence[str], sampling: Sampling, journal: Journal, label: str
) -> list[str]:
    from hansei.steps.ask import ask

    prompts = [
        Prompt(content_key("llm-use", label, number, text), user(wording.format(text=text)))
        for number, text in enumerate(texts)
    ]
    attempts: list[Attempt] = ask(model, prompts, sampling, journal, label=label)
    failed = [attempt for attempt in attempts if attempt.error is not None]
    if failed:
        raise BadInput(
            f"{model.name}: {len(failed)} of {len(attempts)} {label} did not come ({failed[0].error}): "
            "run again, what came is kept"
        )
    return [attempt.text for attempt in attempts]
