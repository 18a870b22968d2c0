"""`hansei papers`, and the catalogue behind it."""

import importlib
import json
import re

import pytest

from hansei import catalogue
from hansei.catalogue import PAPERS
from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.settings import field_docs


def test_the_catalogue_has_31_papers_in_order_with_a_name_of_their_own() -> None:
    assert [paper.number for paper in PAPERS] == list(range(1, 32))
    assert len({paper.name for paper in PAPERS}) == 31


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_a_paper_is_cited_and_its_claim_is_a_sentence(paper: catalogue.Paper) -> None:
    assert paper.source.startswith(("arXiv ", "Nature "))
    assert paper.claim.endswith(".") and paper.title[0].isupper()
    assert paper.status == ("built" if paper.run else "planned")


@pytest.mark.parametrize("paper", [p for p in PAPERS if p.run], ids=lambda p: p.name)
def test_what_is_called_built_can_be_loaded(paper: catalogue.Paper) -> None:
    assert callable(catalogue.experiment(paper))


@pytest.mark.parametrize("paper", [p for p in PAPERS if p.run], ids=lambda p: p.name)
def test_the_help_of_out_says_whether_finished_work_is_kept(paper: catalogue.Paper) -> None:
    settings = importlib.import_module(catalogue.experiment(paper).__module__).Settings
    said = re.search(r"goes on|only what is missing", " ".join(field_docs(settings)["out"].split()))
    assert (said is not None) == paper.keeps


def test_the_list_names_every_paper_with_its_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    for paper in PAPERS:
        assert paper.name in listed and paper.source in listed and paper.claim in listed


def test_the_list_as_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "--json", "--wing", "safety"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    papers = json.loads(line)["papers"]
    assert [p["name"] for p in papers] == ["mistake-analysis", "mart", "past-tense", "deception"]
    assert papers[0]["status"] == "built" and papers[1]["status"] == "built"


def test_papers_can_be_chosen_by_the_signal_they_learn_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "--json", "--signal", "environment feedback"]) == 0
    papers = json.loads(capsys.readouterr().out)["papers"]
    assert [p["name"] for p in papers] == ["agentgym", "open-world"]


def test_a_planned_paper_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "run", "video-edit"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "planned" in error and "mistake-analysis" in error


def test_an_unknown_paper_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="'contamination'"):
        catalogue.find("contaminatoin")
