"""Asks a model again, without hansei, all that stands in an export of a run of `hansei answer`.

    hansei export RUN --to parquet
    python docs/replay.py RUN/export/parquet FOLDER-OF-THE-MODEL

Prints how many texts come out the same, and the score over the answers. Only transformers and pyarrow are needed: the
export holds every prompt as the model read it. For greedy answers; floating point may change one where two tokens are
all but equal. Steps of a method's other models are left out: name their own folders, one after the other.
"""

import json
import sys

import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def replay(export: str, folder: str) -> dict[str, int]:
    """Counts of texts asked again, texts that are the same, answers whose last text is the same, and right ones."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    verdicts = pq.read_table(f"{export}/verdict.parquet").to_pylist()
    right = {verdict["attempt_id"]: verdict["outcome"] == "pass" for verdict in verdicts}
    counts = {"texts": 0, "same": 0, "answers": 0, "right": 0}
    for attempt in pq.read_table(f"{export}/attempt.parquet").to_pylist():
        steps = [step for step in attempt["trace"] if step["rendered"] and not step["model"]]
        same = True
        for step in steps:
            ids = tokenizer(step["rendered"], add_special_tokens=False, return_tensors="pt").input_ids
            limit = step["sampling"]["max_new_tokens"]
            written = model.generate(ids, max_new_tokens=limit, do_sample=False, repetition_penalty=1.0)[
                0, ids.shape[1] :
            ]
            text = tokenizer.decode(written, skip_special_tokens=True).strip()
            counts["texts"] += 1
            counts["same"] += text == step["text"]
            same = same and text == step["text"]
        # The same texts are the same answer, which the run's judge has judged.
        counts["answers"] += 1
        counts["right"] += same and right[attempt["id"]]
    return counts


if __name__ == "__main__":
    print(json.dumps(replay(*sys.argv[1:])))
