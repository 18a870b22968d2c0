"""Measurements that are killed in the middle and started again: what was finished is not done again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

RUN = """
import json, os, re, signal, sys
from pathlib import Path
from hansei.cli import main
from hansei.core.copies import CharFinder
from hansei.core.journal import Journal
import jinja2, matplotlib.pyplot, scipy.stats, transformers  # once, and not in each process
from hansei.measuring import contamination, knowledge_fields, leak_signals
from hansei.models import decoding, load, local
from hansei.models.protocol import Reply

home, calls = Path(sys.argv[1]), 0
model = load.load(sys.argv[3], batch_rows=4)

def counted(work, dies):
    def called(*given, **named):
        global calls
        calls += 1
        if calls == dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*given, **named)
    return called

class Sorter:
    name = fingerprint = "sorter"

    def batches(self, chats, sampling):
        return [[i] for i in range(len(chats))]

    def generate(self, chats, sampling):
        return [Reply(self.said(chat[-1].content), "stop", 1, 1) for chat in chats]

    def said(self, text):
        if text.startswith("List"):
            return "1. Odd\\n2. Even"
        asked = text.partition("Questions:")[2]
        return "\\n".join(f"{n}: {1 + int(number) % 2}" for n, number in re.findall(r"(\\d+)\\. number (\\d+)", asked))

def ran(line, out, dies=0):
    "The calls of a run in a process of its own: all of them, or None where it killed itself at call `dies`."
    child = os.fork()
    if not child:
        if "knowledge-map" in line:
            Sorter.generate, knowledge_fields.ROOM = counted(Sorter.generate, dies), 40
            load.load = lambda name, base_url: Sorter()
        else:  # units of a file, of a row and of four rows
            contamination.UNIT = leak_signals._LOGITS = 1
            load.load = lambda name: model
            CharFinder.feed = counted(CharFinder.feed, dies)
            local.LocalModel.score = counted(local.LocalModel.score, dies)
            decoding.decode = local.decode = counted(decoding.decode, dies)
        sys.stdout = open(os.devnull, "w")
        code = main([*line, "--out", str(home / out)])
        (home / "calls").write_text(str(calls))
        os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == (-signal.SIGKILL if dies else 0), ended
    return None if dies else int((home / "calls").read_text())

def figures(out):
    found = json.loads((home / out / "result.json").read_text())
    return {name: found[name] for name in found if name not in ("settings", "seconds", "peak_rss_mb", "files")}

for line in json.loads(sys.argv[2]):
    whole = ran(line, line[1] + "-whole")
    assert whole > 8
    for dies in (2, whole // 3, whole):
        out = f"{line[1]}-{dies}"
        ran(line, out, dies)
        assert not (home / out / "result.json").exists()
        again = ran(line, out)
        assert again == whole - (dies - 1), (line[1], dies, whole, again)
        assert figures(out) == figures(line[1] + "-whole")
    assert ran(line, out) == 0
print("the same")
"""


def test_a_killed_contamination_or_stratifier_goes_on_and_ends_as_if_nothing_had_happened(
    llama_folder: str, tmp_path: Path
) -> None:
    """SIGKILL while a training file is read, a batch scored, a text gone on with, and a question sorted."""
    rng = random.Random(0)
    words = ["stone", "bowl", "red", "green", "grind", "capital", "mat", "river", "lamp", "dog"]

    def texts(count: int) -> list[str]:
        return [" ".join(rng.choices(words, k=14)) for _ in range(count)]

    def write(name: str, rows: list[dict[str, object]]) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    items, others = texts(6), texts(4)
    test = write("test.jsonl", [{"text": text} for text in items])
    for i in range(4):  # the first item stands in two of the four files
        write(f"training/{i}.jsonl", [{"text": items[max(i - 1, 0)]}, {"text": others[i]}])
    about = ["--training", str(tmp_path / "training"), "--model", llama_folder, "--reference", llama_folder]
    about += ["--control", write("control.jsonl", [{"text": text} for text in others]), "--name", "SET"]
    about += ["--rewritten", write("other.jsonl", [{"text": text} for text in texts(6)])]
    about += ["--shards", "2", "--permutations", "1"]
    scores: list[dict[str, object]] = [{"id": i, "score": i % 2, "question": f"number {i}"} for i in range(12)]
    maps = [write("scores.jsonl", scores), "--stratifier", "sorter", "--topic", "numbers"]
    lines = [["measure", "contamination", test, *about], ["measure", "knowledge-map", *maps]]
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(tmp_path), json.dumps(lines), llama_folder]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "the same", done.stderr
