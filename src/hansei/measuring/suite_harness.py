"""One task of lm-evaluation-harness on local data, through its Python API: `python -m hansei.measuring.suite_harness`.

A local model is loaded and asked by the harness itself (its `hf` model, without chat template unless the task says so),
so that figures compare with others of the harness. An endpoint is asked through hansei's own model. Intervals are ours,
from the harness's values of each document; the harness's standard errors are not used. Nothing is downloaded: data
files are local, and the hub is switched off.
"""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Sampling, user
from hansei.core.result import Result
from hansei.core.statistics import NOTHING, bootstrap, rate
from hansei.measuring.suite_entries import place_of
from hansei.models.load import load
from hansei.models.names import ENDPOINT
from hansei.models.protocol import Model

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "LOGLEVEL": "ERROR"}
BUILDERS = ("json", "csv", "text", "parquet")
"""Readers of local files."""
DRAWS = 200
"""Resamples of a score that is no mean, such as chrF."""
OURS = ("batch_size", "apply_chat_template", "limit")
"""Keys of a task that are settings of the evaluation and not of the harness's task."""


@dataclass
class Errors:
    """Documents whose answer did not come; in no rate."""

    documents: set[int] = field(default_factory=set)
    first: str = ""


def evaluate(name: str, task: Mapping[str, Any], model: str, base_url: str | None = None) -> Result:
    """The scores of a model on one task. Raises BadInput for a task that the harness can't work with."""
    started = time.monotonic()
    lm_eval = _harness()
    asked = {key: value for key, value in task.items() if key not in OURS}
    limit = None if task.get("limit") is None else int(task["limit"])
    errors = Errors()
    settings: dict[str, Any] = {"batch_size": task.get("batch_size", 8)}
    if model.startswith(ENDPOINT):
        of_harness: Any = adapter(load(model, base_url=base_url), errors)
    else:
        of_harness, settings["model_args"] = "hf", _local(model)
        settings["apply_chat_template"] = bool(task.get("apply_chat_template", False))
    from lm_eval.tasks import TaskManager

    _check(name, asked)
    with tempfile.TemporaryDirectory() as cache:
        asked["dataset_kwargs"] = {**asked["dataset_kwargs"], "cache_dir": cache}
        try:
            found = lm_eval.simple_evaluate(
                of_harness,
                tasks=[{"task": name, **asked}],
                task_manager=TaskManager(include_defaults=False),
                limit=limit,
                bootstrap_iters=0,
                **settings,
            )
        except Exception as error:  # of whatever kind: a user's task, its data and templates, in a large library
            said = " ".join(str(error).split())[:300]
            raise BadInput(f"{name}: lm-evaluation-harness can't run it: {type(error).__name__}: {said}") from error
    samples = found["samples"][name]
    row, numbers = scores(samples, errors.documents, _aggregate(found, name))
    return Result(
        name=name,
        rows=[{"row": name, **row}],
        numbers=numbers,
        notes=[f"{len(errors.documents)} answers did not come, the first: {errors.first}"] * bool(errors.documents),
        more={"lm_eval": str(found.get("lm_eval_version", ""))},
        errors=len(errors.documents),
        seconds=time.monotonic() - started,
    )


def _check(name: str, task: Mapping[str, Any]) -> None:
    """Raises BadInput unless the data are files of this machine, so that nothing is downloaded and no code is run."""
    files = (task.get("dataset_kwargs") or {}).get("data_files")
    if task.get("dataset_path") not in BUILDERS or not files:
        raise BadInput(
            f"{name}: dataset_path of {', '.join(BUILDERS)} with data_files in dataset_kwargs was expected, "
            f"found {task.get('dataset_path')!r:.60}"
        )
    for one in files.values() if isinstance(files, Mapping) else [files]:
        for path in [one] if isinstance(one, str) else one:
            if not Path(path).is_file():
                raise BadInput(f"{name}: {path}: there is no such file")


def _harness() -> Any:
    try:
        import lm_eval
    except ImportError as error:
        raise BadInput(
            "measure suite: lm-evaluation-harness was expected, which is an extra: "
            "install it with pip install 'hansei[suite]'"
        ) from error
    return lm_eval


def _local(model: str) -> dict[str, Any]:
    """Arguments of the harness's own Hugging Face model."""
    from hansei.models.loading import choose_device, choose_dtype

    place = place_of(model)
    device = choose_device("auto")  # the harness's own default is CUDA, also where there is none
    args: dict[str, Any] = {
        "pretrained": str(place.base),
        "tokenizer": str(place.tokenizer),
        "device": str(device),
        "dtype": str(choose_dtype("auto", device)).removeprefix("torch."),
    }
    return args if place.adapter is None else args | {"peft": str(place.adapter)}


def _aggregate(found: Mapping[str, Any], name: str) -> Callable[[str, Sequence[Any]], float]:
    """The harness's own way to make one score of its values, by metric."""
    from lm_eval.api.registry import get_aggregation, get_metric_aggregation

    listed = {m["metric"]: m.get("aggregation") for m in found["configs"][name].get("metric_list", [])}

    def aggregate(metric: str, values: Sequence[Any]) -> float:
        chosen = listed.get(metric)
        made = get_aggregation(chosen) if isinstance(chosen, str) else chosen or get_metric_aggregation(metric)
        return float(made(list(values)))

    return aggregate


def scores(
    samples: Sequence[Mapping[str, Any]], lost: set[int], aggregate: Callable[[str, Sequence[Any]], float]
) -> tuple[dict[str, Figure], frozenset[str]]:
    """Figures by metric (`metric,filter` where there are several filters), and which of them are no shares.

    Values of 0 and 1 are a rate; other numbers have a mean; what is neither (a perplexity's log-likelihood with its
    weight, a pair of texts) is made a score by the harness, again for each of `DRAWS` resamples of documents.
    """
    filters = list(dict.fromkeys(str(sample["filter"]) for sample in samples))
    figures, numbers = {}, set()
    for chosen in filters:
        kept = [s for s in samples if s["filter"] == chosen and s["doc_id"] not in lost]
        for metric in dict.fromkeys(m for s in samples for m in s["metrics"]):
            values = [s[metric] for s in kept if metric in s]
            name = metric if len(filters) == 1 else f"{metric},{chosen}"
            figures[name], is_share = _score(values, functools.partial(aggregate, metric))
            if not is_share:
                numbers.add(name)
    return figures, frozenset(numbers)


def _score(values: Sequence[Any], aggregate: Callable[[Sequence[Any]], float]) -> tuple[Figure, bool]:
    if not values:
        return NOTHING, True
    if all(not isinstance(v, str | list | tuple) and math.isfinite(float(v)) for v in values):
        plain = [float(v) for v in values]
        figure = rate(plain) if set(plain) <= {0.0, 1.0} else bootstrap(plain)
        return figure, min(plain) >= 0 and max(plain) <= 1
    import numpy as np

    rng = np.random.default_rng(0)
    value = aggregate(values)
    drawn = [aggregate([values[i] for i in rng.integers(0, len(values), len(values))]) for _ in range(DRAWS)]
    if not np.isfinite([value, *drawn]).all():
        return Figure(None, None, None, len(values)), False
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(value, float(low), float(high), len(values)), False


def adapter(model: Model, errors: Errors) -> Any:
    """A hansei model as a model of the harness: contexts are asked as a user's turn."""
    from lm_eval.api.model import LM

    class Asked(LM):  # type: ignore[misc]
        """Answers through `hansei.models`."""

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            made = []
            for request in requests:
                context, how = request.args
                sampling = Sampling(float(how.get("temperature", 0.0)), 1.0, int(how.get("max_gen_toks", 256)))
                (reply,) = model.generate([user(context)], sampling)
                if reply.error is not None:
                    errors.documents.add(request.doc_id)
                    errors.first = errors.first or reply.error
                made.append(_until(reply.text, how.get("until", [])))
            return made

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            found = model.logprobs([(user(request.args[0]), request.args[1].strip()) for request in requests])
            errors.documents.update(r.doc_id for r, one in zip(requests, found, strict=True) if one is None)
            return [(sum(one or ()), False) for one in found]

        def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
            raise NotImplementedError("an endpoint answers conversations; it has no likelihood of plain text")

    return Asked()


def _until(text: str, stops: str | Sequence[str]) -> str:
    """The text before the first of the stops, as the harness has it."""
    ends = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop and stop in text]
    return text[: min(ends)] if ends else text


def main(arguments: Sequence[str]) -> int:
    """Reads {name, task, model, base_url} from a JSON file and prints the result as one JSON line."""
    os.environ.update(OFFLINE)
    try:
        said = json.dumps(evaluate(**json.loads(Path(arguments[0]).read_text(encoding="utf-8"))).to_json())
    except BadInput as error:
        print(f"hansei: {error}", file=sys.stderr)
        return 2
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
