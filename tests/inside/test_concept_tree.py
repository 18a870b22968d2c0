"""Hierarchies: the user's own tree, WordNet in its formats, and what is left for a vocabulary."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.inside.concept_tree import Concept, keep, read_tree
from hansei.inside.concept_wordnet import forms, read_wordnet

TREES = {
    "t.json": '{"animal": {"dog": ["dog", "hound"], "bird": ["owl"]}, "plant": ["oak", "elm"]}',
    "t.toml": 'plant = ["oak", "elm"]\n[animal]\ndog = ["dog", "hound"]\nbird = ["owl"]\n',
    "t.txt": "animal\n  dog\n    dog\n    hound\n\n  bird\n    owl\nplant\n\toak\n\telm\n",
}
MEANT = {
    "animal": Concept(()),
    "dog": Concept(("dog", "hound"), ("animal",)),
    "bird": Concept(("owl",), ("animal",)),
    "plant": Concept(("oak", "elm")),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TREES[name])
    assert read_tree(tmp_path / name) == MEANT


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[1]", "a table of concepts was expected, found list"),
        ("a.json", '{"a": {"b": ["x"]}, "c": {"b": ["y"]}}', "'b' stands in the tree twice"),
        ("a.json", '{"a": ["x"], "a": ["y"]}', "'a' stands in one table twice"),
        ("a.json", '{"a": []}', "a list of words were expected in 'a'"),
        ("a.json", '{"a": ["x", 3]}', "a list of words were expected in 'a'"),
        ("a.json", '{"a": {}}', "a list of words were expected in 'a'"),
        ("a.json", "{", "found a broken file"),
        ("a.toml", "a = ", "found a broken file"),
        ("a.txt", "", "found an empty file"),
        ("a.txt", "lonely\n", "line 1: a concept with indented words below was expected"),
        ("a.txt", "a\n x\nb\n y\na\n z\n", "line 5: the concept 'a' stands in the tree twice"),
        ("b.txt", None, "found a file that can't be read"),
    ],
)
def test_what_is_no_tree_is_said_in_a_line(name: str, text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=said) as error:
        read_tree(tmp_path / name)
    assert "\n" not in str(error.value)


def chain(**above: str) -> dict[str, Concept]:
    """Concepts with eight words of their own each; the keyword says what is above it (a+b: two of them)."""
    return {
        name: Concept(tuple(f"{name}{n}" for n in range(8)), tuple(one for one in tops.split("+") if one))
        for name, tops in above.items()
    }


def every(hierarchy: dict[str, Concept]) -> dict[str, list[int]]:
    words = [word for concept in hierarchy.values() for word in concept.words]
    return {word: [n] for n, word in enumerate(words)}


def test_words_go_up_and_concepts_without_enough_give_their_children_to_the_nearest_above() -> None:
    hierarchy = chain(top="", mid="top", low="mid", other="top") | {"tiny": Concept(("low0",), ("low",))}
    hierarchy |= {"below": Concept(("x0", "x1", "x2", "x3", "x4"), ("tiny",))}
    kept = keep(hierarchy, {w: ids for w, ids in every(hierarchy).items() if w != "mid0"}, least=5)
    size = dict(zip(kept.names, map(len, kept.members), strict=True))
    assert size == {"top": 36, "mid": 20, "low": 13, "other": 8, "tiny": 6, "below": 5}
    fewer = keep(hierarchy, {w: ids for w, ids in every(hierarchy).items() if w not in ("low0", "mid0")}, least=13)
    number = {name: n for n, name in enumerate(fewer.names)}
    assert fewer.names == ("top", "mid") and fewer.parents == ((), (number["top"],))
    skipped = keep(
        {**hierarchy, "tiny": Concept(("zz",), ("low",)), "low": Concept((), ("mid",))}, every(hierarchy), least=5
    )
    assert {"low", "tiny", "below"} <= set(skipped.names), "concepts of the same words are left where nothing is merged"


def test_a_concept_with_two_above_it_counts_in_both_and_hangs_under_the_nearest() -> None:
    hierarchy = chain(top="", left="top", right="top", both="left+right")
    kept = keep(hierarchy, every(hierarchy), least=5)
    number = {name: n for n, name in enumerate(kept.names)}
    assert {kept.names[p] for p in kept.parents[number["both"]]} == {"left", "right"}
    assert set(kept.members[number["both"]]) < set(kept.members[number["left"]]) < set(kept.members[number["top"]])
    # `left` is gone for want of words of its own kind: `both` is then under `right` alone, not under `top` as well.
    fewer = keep(hierarchy, {w: i for w, i in every(hierarchy).items() if w[0] in "rtb"}, least=9)
    number = {name: n for n, name in enumerate(fewer.names)}
    assert set(number) == {"top", "right"} and fewer.parents[number["right"]] == (number["top"],)


def test_nearly_equal_and_only_children_are_merged_into_the_one_above() -> None:
    hierarchy = chain(top="", a="top", b="top", only="a", leaf="only", leaf2="only")
    kept = keep(hierarchy, every(hierarchy), least=5, merge_below=5)
    assert set(kept.names) == {"top", "a", "b", "leaf", "leaf2"}, "`only` was the one child of `a`"
    number = {name: n for n, name in enumerate(kept.names)}
    assert kept.parents[number["leaf"]] == kept.parents[number["leaf2"]] == (number["a"],)
    near = hierarchy | {"near": Concept(hierarchy["b"].words[:5], ("b",)), "far": Concept(("b0",), ("b",))}
    assert "near" not in keep(near, every(hierarchy), least=5, merge_below=5).names
    assert "near" in keep(near, every(hierarchy), least=5).names, "a tree of the user's own is left as it is"


def test_the_largest_are_kept_where_there_is_a_limit_and_every_step_is_counted() -> None:
    hierarchy = chain(top="", a="top", b="top", a1="a", a2="a")
    kept = keep(hierarchy, every(hierarchy) | {"b7": []}, least=5, limit=3)
    assert kept.names[0] == "top" and set(kept.names) < {"top", "a", "a1", "a2", "b"} and len(kept.names) == 3
    assert [(step, concepts) for step, concepts, _ in kept.counts] == [
        ("in the hierarchy", 5),
        ("with a single-token word", 5),
        ("with 5 or more", 5),
        ("the 3 largest", 3),
    ]
    assert kept.counts[1][2] == 39


def test_too_few_words_and_circles_are_said() -> None:
    hierarchy = chain(top="", a="top")
    with pytest.raises(BadInput, match=r"5 or more single-token words were expected, found 0 of 2 \(2 such words"):
        keep(hierarchy, {"a0": [1], "top0": [2]}, least=5)
    with pytest.raises(BadInput, match="round in a circle"):
        keep(chain(a="b", b="a"), {}, least=5)


SYNSETS = [("01-n", ["entity"], []), ("02-n", ["animal", "beast"], ["01-n"]), ("03-n", ["dog"], ["02-n"])]


def wordnet_files(folder: Path) -> dict[str, Path]:
    """The same three synsets in every format, with an adjective that is no noun."""
    made = {name: folder / name for name in ("w.jsonl.gz", "w.xml", "w.xml.gz", "json", "yaml", "dict")}
    rows = [{"id": i, "pos": "n", "members": m, "hypernym": h} for i, m, h in SYNSETS]
    rows.append({"id": "04-a", "pos": "a", "members": ["able"], "hypernym": []})
    made["w.jsonl.gz"].write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    entries = "".join(
        f'<LexicalEntry id="e{w}"><Lemma writtenForm="{w}" partOfSpeech="n"/>'
        + ('<Form writtenForm="dogz"/>' if w == "dog" else "")
        + f'<Sense id="s{w}" synset="{i}"/></LexicalEntry>'
        for i, words, _ in SYNSETS
        for w in words
    )
    synsets = "".join(
        f'<Synset id="{i}" partOfSpeech="n">'
        + "".join(f'<SynsetRelation relType="hypernym" target="{t}"/>' for t in above)
        + '<SynsetRelation relType="hyponym" target="09-n"/></Synset>'
        for i, _, above in SYNSETS
    )
    able = '<LexicalEntry id="x"><Lemma writtenForm="able" partOfSpeech="a"/></LexicalEntry>'
    text = f"<LexicalResource><Lexicon>{entries}{able}{synsets}</Lexicon></LexicalResource>"
    made["w.xml"].write_text(text)
    made["w.xml.gz"].write_bytes(gzip.compress(text.encode()))
    table = {i: {"members": m, **({"hypernym": h} if h else {})} for i, m, h in SYNSETS}
    forms_of = {"dog": {"n": {"form": ["dogz"], "sense": []}, "v": {"sense": []}}}
    for kind, dumped in (("json", json.dumps), ("yaml", json.dumps)):  # JSON is YAML too
        made[kind].mkdir()
        (made[kind] / f"noun.animal.{kind}").write_text(dumped(table))
        (made[kind] / f"entries-d.{kind}").write_text(dumped(forms_of))
    made["dict"].mkdir()
    lines = ["  1 This software and database is being provided to you"]
    for i, words, above in SYNSETS:
        named = " ".join(f"{w} 0" for w in words)
        links = " ".join(["~ 00000009 n 0000", *(f"@ {t} n 0000" for t in above)])
        lines.append(f"{i} 03 n {len(words):02x} {named} {1 + len(above):03d} {links} | a gloss; with @ 09 n")
    (made["dict"] / "data.noun").write_text("\n".join(lines) + "\n")
    (made["dict"] / "noun.exc").write_text("dogz dog\n")
    return made | {"data.noun": made["dict"] / "data.noun"}


def test_wordnet_is_the_same_in_every_format(tmp_path: Path) -> None:
    for name, path in wordnet_files(tmp_path).items():
        hierarchy, irregular = read_wordnet(path)
        assert hierarchy == {
            "entity.n.01": Concept(("entity",)),
            "animal.n.01": Concept(("animal", "beast"), ("entity.n.01",)),
            "dog.n.01": Concept(("dog",), ("animal.n.01",)),
        }, name
        assert irregular == ({} if name == "w.jsonl.gz" else {"dog": ["dogz"]}), name


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("w.txt", b"entity", "WordNet was expected: WN-LMF"),
        ("w.xml", b"<LexicalResource>", "found a broken file"),
        ("w.xml.gz", b"no gzip", "found what can't be read"),
        ("w.jsonl", b'{"id": "1", "pos": "n", "members": "dog", "hypernym": []}', "line 1: id, pos, members"),
        ("w.jsonl", b'{"id": "1", "pos": "v", "members": ["go"], "hypernym": []}', "'noun' were expected, found none"),
        ("data.noun", b"00001740 03 n zz entity", "found what can't be read: ValueError"),
        ("w.none", None, "there is no such file"),
    ],
)
def test_what_is_no_wordnet_is_said_in_a_line(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        read_wordnet(tmp_path / name)
    assert "\n" not in str(error.value)


def test_forms_are_regular_and_irregular_with_capitals() -> None:
    assert forms("city", "noun", {}) == ["city", "City", "cities", "Cities"]
    assert forms("child", "noun", {"child": ["children"]})[2:4] == ["children", "Children"]
    assert {"boxes", "days"} < {*forms("box", "noun", {}), *forms("day", "noun", {})}
    assert set(forms("try", "verb", {})) >= {"tries", "tried", "trying", "Trying"}
    assert set(forms("bake", "verb", {})) >= {"bakes", "baked", "baking"}
