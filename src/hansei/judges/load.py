"""A judge from the name that the user typed."""

from __future__ import annotations

from typing import Literal

from hansei.judges.protocol import Judge


def load_judge(
    name: str,
    *,
    base_url: str | None = None,
    mode: Literal["binary", "rating"] = "binary",
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    device_map: str | None = None,
) -> Judge:
    """`town`, `rules` and `reference` are the judges without a model; any other name is a model's.

    A model's name is what `hansei.models.load` takes: a folder, a Hugging Face name or `openai:NAME` with
    `base_url`. `mode` and `threshold` are a model judge's (see `ModelJudge`). A judge without a model takes
    none of these settings, so they change nothing there.

    Raises BadInput where the model can't be loaded.
    """
    if name == "town":
        from hansei.judges.exact import TownJudge

        return TownJudge()
    if name == "rules":
        from hansei.judges.rules import RefusalRules

        return RefusalRules()
    if name == "reference":
        from hansei.judges.reference import ReferenceJudge

        return ReferenceJudge()
    from hansei.judges.model_judge import ModelJudge
    from hansei.models.load import load

    model = load(name, base_url=base_url, device=device, dtype=dtype, device_map=device_map)
    return ModelJudge(model, mode=mode, threshold=threshold)
