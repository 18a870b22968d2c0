"""A judge from the name that the user typed."""

from __future__ import annotations

from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.judges.protocol import Judge
from hansei.models.names import ENDPOINT

WITHOUT_MODEL = ("rules", "substrings", "reference", "exact-match", "number", "town")
"""Judges that ask no model."""
COMPARING = ("reference", "exact-match", "number")
"""Those of them that compare with right answers (`hansei.judges.reference.accepted`)."""


def judge_models(*names: str) -> list[str]:
    """Those of the judges' names that are models' names."""
    return [name for name in names if name not in WITHOUT_MODEL]


def load_judge(
    name: str,
    *,
    base_url: str | None = None,
    mode: Literal["binary", "rating"] | None = None,
    threshold: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    device_map: Any = None,
) -> Judge:
    """Those of WITHOUT_MODEL are the judges without a model; any other name is a model's.

    A model's name is what `hansei.models.load` takes: a folder, a Hugging Face name or `openai:NAME` with
    `base_url`; `mode` (binary unless said otherwise) and `threshold` are `ModelJudge`'s. `device`, `dtype`
    and `device_map` say where a local judge model runs.

    Raises BadInput where the model can't be loaded, or where a setting of model judges goes to another one.
    """
    if name in WITHOUT_MODEL:
        given = {"base_url": base_url, "mode": mode, "threshold": threshold}
        useless = [setting for setting, value in given.items() if value is not None]
        if useless:
            raise BadInput(f"judge {name}: it asks no model, so {useless[0]} has no meaning; leave it out")
        return _without_model(name)
    from hansei.judges.model_judge import ModelJudge
    from hansei.models.load import load

    try:
        model = load(name, base_url=base_url, device=device, dtype=dtype, device_map=device_map)
    except BadInput as error:
        raise BadInput(f"judge {error} (judges without a model are {', '.join(WITHOUT_MODEL)})") from error
    return ModelJudge(model, mode=mode or "binary", threshold=threshold)


def load_judge_beside(
    name: str,
    base_url: str | None,
    *,
    mode: Literal["binary", "rating"] | None = None,
    threshold: int | None = None,
    **local: Any,
) -> Judge:
    """A judge that is used beside other models and judges, under one command's settings.

    `base_url` is for judges that are endpoints and `local` (device, dtype, device_map) for the others: what a judge has
    no use for is then another one's. The settings see to it that there is one (`check_address` and
    `check_place` of `hansei.models.names`).
    """
    place = {"base_url": base_url} if name.startswith(ENDPOINT) else local
    return load_judge(name, mode=mode, threshold=threshold, **place)


def _without_model(name: str) -> Judge:
    if name == "town":
        from hansei.judges.exact import TownJudge

        return TownJudge()
    if name == "rules":
        from hansei.judges.rules import RefusalRules

        return RefusalRules()
    if name == "substrings":
        from hansei.judges.substrings import SubstringJudge

        return SubstringJudge()
    if name == "number":
        from hansei.judges.numbers import NumberJudge

        return NumberJudge()
    from hansei.judges.reference import ExactMatchJudge, ReferenceJudge

    return ExactMatchJudge() if name == "exact-match" else ReferenceJudge()
