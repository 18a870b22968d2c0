"""`hansei papers run knowledge-map`: LLMMaps' released answers of five models, measured and drawn again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.result import Result, Row
from hansei.measuring import knowledge_map

SETS = ("pubmedqa", "sciq")
MODELS = ("chatgpt", "bloom", "davinci", "gpt2", "llama13b")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei papers run knowledge-map`."""

    data: str
    """Folder of LLMMaps' released files: pubmedqa.qar, pubmedqa.hir, pubmedqa_chatgpt.qaa and so on."""
    out: str = "runs/knowledge-map"
    """Folder for the maps: a folder a benchmark, and one for ChatGPT alone."""


def run(settings: Settings) -> Result:
    """A map a benchmark with all five models, and PubMedQA's for ChatGPT alone. Raises BadInput without the files."""
    started = time.monotonic()
    data = Path(settings.data)
    missing = [f"{name}.qar" for name in SETS if not (data / f"{name}.qar").is_file()]
    if missing:
        raise BadInput(f"--data {data}: {', '.join(missing)} expected there (LLMMaps' repository, folder data)")
    rows: list[Row] = []
    parts: dict[str, Sequence[Row]] = {}
    files: list[str] = []
    notes: list[str] = []
    for name in SETS:
        for models in (MODELS, MODELS[:1]) if name == SETS[0] else (MODELS,):
            title = f"{name}, {models[0]}" if len(models) == 1 else name
            found = knowledge_map.run(
                knowledge_map.Settings(
                    answers=tuple(str(data / f"{name}_{m}.qaa") for m in models),
                    questions=str(data / f"{name}.qar"),
                    hierarchy=str(data / f"{name}.hir"),
                    name=title,
                    out=str(Path(settings.out) / title.replace(", ", "-")),
                )
            )
            files += found.files
            if len(models) > 1:
                rows += [{**row, "row": f"{name}: {row['row'].removeprefix(f'{name}_')}"} for row in found.rows]
                parts |= {f"{name}: {part}": lines for part, lines in found.parts.items()}
                notes += [f"{name}: {found.notes[0]}", *found.notes[2:]]
    return Result(
        name="knowledge-map",
        kind="paper",
        settings={k: v for k, v in asdict(settings).items() if k == "out"},
        rows=rows,
        parts=parts,
        numbers=found.numbers,
        hidden=found.hidden,
        notes=notes,
        files=files,
        seconds=time.monotonic() - started,
    )
