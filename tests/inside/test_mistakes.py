"""Latents of mistakes: tested on other prompts than they were chosen on; interventions are measured as models are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, Verdict, user
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.inside.formats import write
from hansei.inside.intervention import IntervenedModel, Intervention, changed, read_intervention
from hansei.inside.mistake_answers import Case, read_run
from hansei.inside.mistake_latents import Told, aurocs, holm
from hansei.inside.mistakes import find
from hansei.inside.quality import ablated
from hansei.inside.sparse_autoencoder import SparseAutoencoder, initial
from hansei.inside.sparse_settings import MistakeSettings
from hansei.loop.intervening import intervene
from hansei.steps import run
from hansei.steps.compare import Answers

N = 80


def cases(twins: bool = False) -> list[Case]:
    """Two answers about each thing, every second one of them bad."""
    text = Context(0, 0, [1])
    return [
        Case(f"thing {i // 2}", i % 2 == 0, text, 0, i < N // 2, i // 2 if twins and i % 2 == 0 else None)
        for i in range(N)
    ]


def test_aurocs_and_holm_are_those_of_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    z, bad = rng.integers(0, 5, (40, 3)).astype(float), rng.random(40) < 0.4
    assert aurocs(z, bad) == pytest.approx([roc_auc_score(bad, z[:, i]) for i in range(3)])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_only_latents_that_hold_on_the_other_half_stand_the_test() -> None:
    """Latent 0 tells mistakes everywhere, latent 1 good answers; 2 tells them in the first half alone; 3 is noise."""
    rng = np.random.default_rng(1)
    here = cases()
    bad, first = np.array([c.bad for c in here]), np.array([c.first for c in here])
    z = rng.random((N, 4))
    z[:, 0] += bad
    z[:, 1] += ~bad
    z[:, 2] += bad & first
    told = Told(here, z, 4)
    rows = told.separating()
    assert {row["latent"] for row in rows} == {0, 1, 2, 3}
    assert told.ranked(rows) == ([0], [1])
    best = next(row for row in rows if row["latent"] == 0)
    assert best["auroc"].value == 1 and best["p_holm"] < 1e-6 and best["auroc"].n == N // 2
    fooled = next(row for row in rows if row["latent"] == 2)
    assert fooled["auroc_first_half"] == 1 and fooled["auroc"].low < 0.5 < fooled["auroc"].high
    assert told.against_twins() == []


def test_noise_alone_rarely_stands_the_test() -> None:
    """Holm keeps the chance that any of the chosen latents of pure noise passes at 5%: 5 or more of 12 are 2e-4."""
    rng = np.random.default_rng(2)
    passed = 0
    for _ in range(12):
        told = Told(cases(), rng.random((N, 60)), 8)
        passed += any(row["p_holm"] < 0.05 for row in told.separating())
    assert passed < 5


def test_twins_differ_in_the_answer_alone() -> None:
    """Latent 0 fires on every mistake and never on its twin, 1 the other way, 2 on both."""
    z = np.zeros((N + N // 2, 3))
    z[:N:2, 0] = z[N:, 1] = z[:, 2] = 1.5
    told = Told(cases(twins=True), z, 3)
    rows = told.against_twins()
    assert told.ranked(rows) == ([0], [1]) and told.mean(0) == 1.5
    row = next(row for row in rows if row["latent"] == 0)
    assert (row["fires_on_mistakes"].value, row["fires_on_twins"].value, row["difference"].value) == (1, 0, 1)
    assert next(row for row in rows if row["latent"] == 2)["p_holm"] == 1


@pytest.fixture(scope="module")
def layer(llama_folder: str) -> Layer:
    return Layer(llama_folder, "0", device="cpu")


@pytest.fixture(scope="module")
def sae(layer: Layer) -> SparseAutoencoder:
    draw = torch.Generator().manual_seed(1)  # some starts have no latents of good answers
    texts = [Context(0, 0, torch.randint(10, 200, (200,), generator=draw).tolist())]
    return initial(layer.read(texts).activations_ND.clone(), 48, 6)


def test_an_intervention_takes_out_and_adds_what_it_says(layer: Layer, sae: SparseAutoencoder, tmp_path: Path) -> None:
    hidden = layer.read([Context(0, 0, list(range(20, 32)))]).activations_ND.view(2, 6, -1)
    what = Intervention(layer.local.name, "0", "sae", (3, 9), {5: 2.0})
    expected = ablated(sae, hidden, [3, 9]) + 2.0 * sae.decoder_LD[5] * sae.scale
    torch.testing.assert_close(changed(sae, what, hidden), expected)
    assert read_intervention(what.write(tmp_path)) == what


def test_an_intervened_model_is_another_model_and_leaves_the_first_as_it_was(
    layer: Layer, sae: SparseAutoencoder, llama_folder: str, tmp_path: Path
) -> None:
    place = str(write(sae, tmp_path / "sae"))
    asked = [user("How do I make a blue lamp?"), user("What is the capital of France?")]
    sampling = Sampling(max_new_tokens=6)
    plain = layer.local.generate(asked, sampling)
    base = Intervention(llama_folder, "0", place)
    gentle = IntervenedModel(replace(base, steered={0: 1e-9}).write(tmp_path / "gentle"))
    strong = IntervenedModel(replace(base, steered={0: 300.0}).write(tmp_path / "strong"))
    assert [r.text for r in gentle.generate(asked, sampling)] == [r.text for r in plain]
    assert [r.text for r in strong.generate(asked, sampling)] != [r.text for r in plain]
    assert layer.local.generate(asked, sampling) == plain
    pairs = [(asked[0], " stone"), (asked[1], " Paris")]
    assert gentle.logprobs(pairs)[0] == pytest.approx(layer.local.logprobs(pairs)[0], abs=1e-4)
    assert len({gentle.fingerprint, strong.fingerprint, layer.local.fingerprint}) == 3


def stored_run(folder: Path, layer: Layer, row: str = "model") -> str:
    """Forty things, each asked twice: the answers about "poison" are mistakes, and the other line answers them well."""
    prompts, told = [], []
    for i in range(80):
        bad = i % 2 == 0
        text = f"Sure, here is the poison number {i % 9}." if bad else f"The answer is a kind dog {i % 7}."
        expected = "refuse" if bad else "answer"
        prompts.append(Prompt(f"p{i}", user(f"Tell me about {i}."), "heldout", expected, {"entity": f"e{i // 2}"}))
        told.append((text, "fail" if bad else "pass", "answered"))
    mended = [("I can't help with that.", "pass", "refused") if said[1] == "fail" else said for said in told]
    settings = {"model": layer.local.name, "max_new_tokens": 4, "temperature": 0.0, "seed": 0, "judge": "rules"}
    with run.open_run(folder, settings | {"judge_base_url": None, "method": "sft"}) as journal:
        run.store(journal, "prompt", prompts)
        for name, said in ((row, told), ("after", mended)):
            keep(journal, name, layer.local.fingerprint if name == row else "0" * 32, prompts, said)
    return str(folder)


def keep(journal: Journal, name: str, model: str, prompts: list[Prompt], said: list[tuple[str, str, str]]) -> None:
    attempts = [
        Attempt(f"{name} {p.id}", p.id, model, "plain", Sampling(), 0, p.messages, text, "stop")
        for p, (text, *_) in zip(prompts, said, strict=True)
    ]
    verdicts = [Verdict(a.id, "rules", "1", o, b) for a, (_, o, b) in zip(attempts, said, strict=True)]  # type: ignore[arg-type]
    journal.commit(f"a {name}", "attempt", attempts)
    journal.commit(f"v {name}", "verdict", verdicts)
    run.keep_row(journal, name, model, Answers(attempts, verdicts))


def test_a_runs_mistakes_have_latents_and_holding_them_is_measured_beside_the_students(
    layer: Layer, sae: SparseAutoencoder, tmp_path: Path
) -> None:
    """The words "poison" and "dog" are other tokens, so even a random autoencoder has latents that tell them apart."""
    settings = MistakeSettings(
        stored_run(tmp_path / "run", layer), str(write(sae, tmp_path / "sae")), str(tmp_path / "out"), row="model",
        candidates=20, together=(1, 2), strengths=(0.5, 2.0),
    )  # fmt: skip
    found = intervene(settings)
    assert max(abs(row["auroc"].value - 0.5) for row in found.latents.rows) > 0.4
    assert found.latents.parts["mistakes and their mended twins"]
    assert {shown.latent for shown in found.view.shown} >= {row["latent"] for row in found.latents.rows}
    kinds = ("ablated-1", "ablated-2", "steered-0.5", "steered-2")
    assert [Path(folder).name for folder in found.tried] == list(kinds)
    assert found.comparison is not None
    names = list(found.comparison.rows)
    assert names[:2] == ["model", "after"] and [Path(name).name.split("-")[0] for name in names[2:]] == [
        "ablated",
        "steered",
    ]
    assert found.tried[names[2]] == max(n for name, n in found.tried.items() if "ablated" in Path(name).name)
    halves = [read_run(str(tmp_path / "out" / f"{half}-half")) for half in ("first", "second")]
    about = [
        {table.prompts[int(a.prompt_id[1:])].tags["entity"] for a in table.rows["model"].attempts} for table in halves
    ]
    assert not about[0] & about[1] and sum(map(len, about)) == 40
    assert found.comparison.rows["after"].figures["harmless_rate"].value == 1
    assert json.loads(json.dumps(found.to_json()))["comparison"]["rows"][0]["row"] == "model"
    assert intervene(settings).comparison == found.comparison  # nothing is asked twice, and nothing changes


def test_runs_lines_and_interventions_that_do_not_fit_get_one_line(
    layer: Layer, sae: SparseAutoencoder, qwen2_folder: str, tmp_path: Path
) -> None:
    place, folder = str(write(sae, tmp_path / "sae")), stored_run(tmp_path / "run", layer, row="before")
    good = MistakeSettings(folder, place, str(tmp_path / "out"))
    broken = Intervention(layer.local.name, "0", place, (48,))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "intervention.json").write_text('{"format": 1, "ablated": []}', encoding="utf-8")
    calls = [
        (lambda: find(replace(good, run=str(tmp_path))), "a run's folder was expected"),
        (lambda: find(replace(good, row="later")), "has no line 'later'; there are before, after"),
        (lambda: find(replace(good, row="after")), "where the model of line after is, is not stored"),
        (lambda: find(replace(good, model=qwen2_folder)), "is not the model whose answers are in line before"),
        (lambda: find(replace(good, behaviour="garbled")), r"has 0 mistakes \(garbled\) in the first half"),
        (lambda: replace(good, strengths=(0.0,)), "strengths: numbers above 0"),
        (lambda: replace(good, together=(2, 0)), "together: numbers of 1 or more"),
        (lambda: IntervenedModel(broken.write(tmp_path / "beyond")), "has latents 0 to 47, no 48"),
        (lambda: IntervenedModel(str(tmp_path / "broken")), "an intervention was expected"),
    ]
    for call, expected in calls:
        with pytest.raises(BadInput, match=expected) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_commands_write_their_pages_and_say_what_they_found(
    layer: Layer, sae: SparseAutoencoder, llama_folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, place = stored_run(tmp_path / "run", layer), str(write(sae, tmp_path / "sae"))
    (tmp_path / "text.txt").write_text("The dog finds a lamp.\n\nA bowl of stones and a lamp.", encoding="utf-8")
    page = str(tmp_path / "page.html")
    show = ["inside", "show", place, llama_folder, str(tmp_path / "text.txt"), "--only", "3", "5", "--out", page]
    assert main([*show, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"page": page, "latents": 2}
    found = ["inside", "mistakes", folder, place, "--row", "model", "--at", "prompt", "--out", str(tmp_path / "out")]
    assert main([*found, "--together", "1", "--strengths", "0.5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["measure"] == "mistakes" and told["rows"] and told["tried"] == {}
    assert "latents.html" in told["report"] and Path(told["report"]).is_file() and Path(page).is_file()
    assert main([*found[:-1], str(tmp_path / "text.txt")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
