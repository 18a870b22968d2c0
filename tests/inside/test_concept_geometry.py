"""`hansei measure concept-geometry` and the experiment on the taxonomy, from files to tables and pictures."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hansei import catalogue
from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.inside import concept_paper
from hansei.inside.concept_chart import closeness
from hansei.inside.concept_geometry import Settings, hierarchy_of, run, study, town_hierarchy
from hansei.inside.unembedding import load_unembedding, read_vocabulary


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("paper")
    return concept_paper.run(concept_paper.Settings(out=str(out), quick=True))


def test_the_taxonomy_s_concepts_hold_for_held_out_words_and_no_nonsense_does(experiment: Result) -> None:
    rows: dict[str, Any] = {row["row"]: row for row in experiment.rows}
    real = rows["trained base: concepts"]
    assert real["heldout_projection"].value > 0.5 and real["heldout_auroc"].value > 0.98
    for name in (
        "trained base: random nested sets",
        "Gaussian vectors: concepts",
        "Gaussian vectors: random nested sets",
    ):
        assert abs(rows[name]["heldout_projection"].value) < 0.15 and abs(rows[name]["heldout_auroc"].value - 0.5) < 0.1
    assert rows["trained base: difference"]["heldout_projection"].low > 0.4
    own = rows["trained base, nonsense of its own words: random nested sets"]
    assert own["heldout_projection"].value < 0.4 and abs(own["heldout_auroc"].value - 0.5) < 0.1


def test_orthogonality_passes_for_nonsense_and_always_stands_beside_it(experiment: Result) -> None:
    for part in ("orthogonality", "orthogonality-gaussian"):
        for row in experiment.parts[part][:4]:
            assert row["null_abs_cos"].value < 0.15 and row["excess"].n == row["abs_cos"].n
    assert all(row["excess"].high < 0 for row in experiment.parts["orthogonality"][:4]), "more so than nonsense"


def test_the_experiment_is_in_the_catalogue_and_writes_what_it_names(experiment: Result) -> None:
    assert catalogue.experiment(catalogue.find("concept-geometry")) is concept_paper.run
    assert {Path(file).name for file in experiment.files} == {
        "concept-geometry.svg",
        "concept-geometry-heldout.svg",
        "concept-geometry-simplex.svg",
        "result.json",
    }
    for file in experiment.files[:3]:
        ET.parse(file)  # noqa: S314
    made = json.loads(Path(experiment.files[3]).read_text())
    assert made["paper"] == "concept-geometry" and len(made["parts"]["concepts"]) == 32
    assert "random nested sets" in str(experiment)


def test_the_experiment_refuses_numbers_that_make_none_and_a_dry_run_measures_nothing(tmp_path: Path) -> None:
    for wrong in ({"seeds": 0}, {"bases": 0}, {"workers": 0}, {"heldout": 0.9}):
        with pytest.raises(BadInput):
            concept_paper.Settings(**wrong)
    made = concept_paper.run(concept_paper.Settings(out=str(tmp_path / "no"), bases=3, dry_run=True))
    assert not made.rows and not (tmp_path / "no").exists()


def test_a_second_base_is_grown_measured_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hansei.models.load import town_path

    grown: list[Any] = []

    class Copies:
        """In the place of a pool: the shipped base again."""

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __enter__(self) -> Copies:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, work: Any, tasks: Any, _label: str) -> None:
            assert work is concept_paper.grow
            for task in tasks:
                grown.append(task["seed"])
                Path(task["folder"]).symlink_to(town_path("taxonomy"))

    monkeypatch.setattr("hansei.steps.pool.Pool", Copies)
    settings = concept_paper.Settings(out=str(tmp_path), bases=2, seeds=1)
    monkeypatch.setattr("hansei.inside.concept_chart.charts", lambda *_: {})
    found = concept_paper.run(settings)
    assert concept_paper._grown(settings) == [str(tmp_path / "base-1")] and grown == [1]
    first, second = found.parts["bases"]
    assert first["heldout_projection"].value == second["heldout_projection"].value
    assert found.rows[0]["heldout_projection"].n == 64


def words_of(folder: str, count: int) -> list[str]:
    return sorted(read_vocabulary(folder).words)[:count]


def test_any_hugging_face_folder_and_its_matrix_saved_alone_give_the_same_figures(
    llama_folder: str, tmp_path: Path
) -> None:
    words = words_of(llama_folder, 30)
    tree = {"some": {"first": words[:10], "second": words[10:20]}, "other": words[20:30]}
    (tmp_path / "tree.json").write_text(json.dumps(tree))
    found = load_unembedding(llama_folder)
    np.save(tmp_path / "m.npy", found.rows(0, found.vocabulary.size))
    shared: dict[str, Any] = {"tree": str(tmp_path / "tree.json"), "seeds": 2}
    one = run(Settings(model=llama_folder, out=str(tmp_path / "out"), show="some", **shared))
    two = run(Settings(model=str(tmp_path / "m.npy"), vocabulary=llama_folder, **shared))
    assert one.rows == two.rows and one.parts == two.parts
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(Path(file).name for file in one.files)
    assert not two.files
    flat = run(Settings(model=llama_folder, space="euclidean", null="words", **shared))
    assert flat.rows != one.rows and "drawn from its own words" in " ".join(flat.notes)
    fewer = run(Settings(model=llama_folder, limit=2, heldout=0.5, **shared))
    assert len(fewer.more["concepts"]) == 2


def test_the_command_prints_tables_json_and_how_many_concepts_survive(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, public_data: Callable[[str], Path]
) -> None:
    assert main(["measure", "concept-geometry", "town:taxonomy", "--seeds", "1", "--json"]) == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert made["measure"] == "concept-geometry" and len(made["concepts"]) == 32
    wordnet = str(public_data("open_english_wordnet") / "synsets.jsonl.gz")
    least = ["--min-words", "15", "--dry-run"]
    assert main(["measure", "concept-geometry", "town:taxonomy", "--wordnet", wordnet, *least]) == 0
    said = capsys.readouterr().out
    assert "71873" in said and "with 15 or more" in said and "after merging" in said and "s of one core" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["M"], "a hierarchy was expected"),
        (["M", "--tree", "T", "--wordnet", "W"], "one of --tree and --wordnet was expected, found both"),
        (["M", "--tree", "T", "--min-words", "4"], "min-words: 5 or more were expected, found 4"),
        (["M", "--tree", "T", "--heldout", "0.9"], "a share from 0.1 to 0.5 was expected"),
        (["M", "--tree", "T", "--seeds", "0"], "seeds of 1 or more"),
        (["M", "--tree", "T"], "two concepts with 5 or more single-token words were expected, found 0 of 1"),
        (["M", "--tree", "no.json"], "found a file that can't be read"),
        (["no/model", "--tree", "T"], "no/model"),
        (["town:taxonomy", "--show", "rock"], "no concept 'rock' is left"),
        (["town:taxonomy", "--limit", "1"], "a limit of 2 or more"),
    ],
)
def test_bad_input_gets_one_line(
    given: list[str], said: str, llama_folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.json").write_text('{"a": ["zebra", "quagga"]}')
    names = {"M": llama_folder, "T": str(tmp_path / "t.json"), "W": str(tmp_path / "w.xml")}
    assert main(["measure", "concept-geometry", *(names.get(word, word) for word in given)]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1


def test_a_concept_whose_words_are_one_vector_is_named(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6))
    rows[:10] = rows[0]
    np.save(tmp_path / "m.npy", rows)
    words = [f"{a}{b}" for a in "abcd" for b in "klmnopqrst"]
    (tmp_path / "v.txt").write_text("\n".join(words))
    (tmp_path / "t.txt").write_text("same\n " + "\n ".join(words[:10]) + "\nother\n " + "\n ".join(words[10:20]))
    with pytest.raises(BadInput, match="concept 'same': a concept's 7 words all have one vector"):
        run(Settings(model=str(tmp_path / "m.npy"), vocabulary=str(tmp_path / "v.txt"), tree=str(tmp_path / "t.txt")))


def test_closeness_is_that_of_the_shortest_path() -> None:
    base = load_unembedding("town:taxonomy")
    tree = hierarchy_of(Settings(model="town:taxonomy"), base.vocabulary)
    assert tree.counts[0][1] == len(town_hierarchy()) == 32
    close = closeness(study(base, tree, 1))
    number = {name: n for n, name in enumerate(tree.names)}
    for a, b, steps in (
        ("mammal", "mammal", 0),
        ("mammal", "animal", 1),
        ("mammal", "bird", 2),
        ("mammal", "jewel", 6),
    ):
        assert close[number[a], number[b]] == pytest.approx(1 / (1 + steps))
