"""What a study says of planted concepts and of nonsense."""

from __future__ import annotations

import numpy as np
import pytest

from hansei.inside import concept_study
from hansei.inside.concept_geometry import study
from hansei.inside.concept_rows import Study, angle_rows, category_rows, head_rows
from hansei.inside.concept_study import angles_of, auroc, categories_of, shuffle_branches, split
from hansei.inside.concept_tree import Concept, Kept, keep
from hansei.inside.unembedding import Unembedding, Vocabulary

D, V = 128, 4000
SHAPE = {"a": ("a1", "a2", "a3"), "b": ("b1", "b2"), "a1": (), "a2": (), "a3": (), "b1": (), "b2": ()}


def small_tree(words: int = 60) -> Kept:
    """Top, two children, five grandchildren of so many words."""
    above = {child: parent for parent, children in SHAPE.items() for child in children}
    hierarchy = {"top": Concept(())}
    for n, (name, below) in enumerate(SHAPE.items()):
        own = () if below else tuple(f"{name} {n} {k}" for k in range(words))
        hierarchy[name] = Concept(own, (above.get(name, "top"),))
    tokens_of = {w: [n] for n, w in enumerate(w for c in hierarchy.values() for w in c.words)}
    return keep(hierarchy, tokens_of, least=5)


def matrix(tree: Kept, strength: float) -> Unembedding:
    """Gaussian rows, and on top of them a direction for each concept that its words share."""
    rng = np.random.default_rng(3)
    rows_Vd = rng.normal(size=(V, D))
    for members in tree.members:
        rows_Vd[[tree.tokens[n] for n in members]] += strength * rng.normal(size=D)
    return Unembedding("made", lambda a, b: rows_Vd[a:b], D, Vocabulary({}, np.arange(V), V), "made")


@pytest.fixture(scope="module")
def tree() -> Kept:
    return small_tree()


@pytest.fixture(scope="module")
def gaussian(tree: Kept) -> Study:
    return study(matrix(tree, 0.0), tree, seeds=4)


@pytest.fixture(scope="module")
def planted(tree: Kept) -> Study:
    return study(matrix(tree, 1.0), tree, seeds=2)


def test_on_gaussian_vectors_orthogonality_passes_and_held_out_words_tell_that_it_is_nonsense(gaussian: Study) -> None:
    angles = {row["row"]: row for row in angle_rows(gaussian)}
    passing = [row for name, row in angles.items() if not name.startswith("unrelated")]
    assert len(passing) == 4 and all(row["abs_cos"].value < 0.12 for row in passing)
    assert all(abs(row["excess"].value) < 0.05 for row in passing)
    assert angles["unrelated concept, child - unrelated concept"]["cos"] < -0.4, "upstream's control is not nested"
    for row in head_rows(gaussian)[:2]:
        assert abs(row["heldout_projection"].value) < 0.12
        assert abs(row["heldout_auroc"].value - 0.5) < 0.07
        assert abs(row["random_token_auroc"].value - 0.5) < 0.07


def test_planted_concepts_hold_for_held_out_words_and_their_nonsense_does_not(planted: Study) -> None:
    real, null, difference = head_rows(planted)
    assert real["heldout_projection"].value > 0.85 and real["heldout_auroc"].value > 0.97
    assert abs(null["heldout_projection"].value) < 0.15 and abs(null["heldout_auroc"].value - 0.5) < 0.1
    assert difference["heldout_projection"].low > 0.7
    rows = {row["row"]: row for row in category_rows(planted)}
    assert rows["binary"]["concepts"] == 2 and rows["three or more values"]["chance"] == "33.3%"
    for row in rows.values():
        assert row["accuracy"].value > 0.95 > 0.7 > row["null_accuracy"].value


def test_the_words_of_the_root_have_no_others_to_be_told_from_and_count_in_no_auroc(planted: Study) -> None:
    figure = head_rows(planted)[0]["heldout_auroc"]
    assert figure.n == 2 * (len(planted.tree.names) - 1)
    assert np.isnan(planted.real[0].auroc_K[0]) and not np.isnan(planted.real[0].auroc_K[1:]).any()


def test_the_nonsense_has_the_tree_s_own_words_where_asked(tree: Kept) -> None:
    found = study(matrix(tree, 1.0), tree, seeds=1, null="words")
    root, drawn = found.real[0].vectors_Kd[0], found.null[0].vectors_Kd[0]
    # The root has all words either way, so its direction is real in the nonsense too; what lies below it is not.
    assert root @ drawn / np.linalg.norm(root) / np.linalg.norm(drawn) > 0.9
    assert np.nanmean(found.null[0].auroc_K) < 0.6 < 0.95 < np.nanmean(found.real[0].auroc_K)


def test_the_pairs_are_those_of_the_theorem(tree: Kept) -> None:
    names = list(tree.names)
    top, a, b, a1, b1, b2 = (names.index(name) for name in ("top", "a", "b", "a1", "b1", "b2"))
    angles = angles_of(tree)
    assert {kind: len(of.concept) for kind, of in angles.items()} == {
        "child": 7,
        "siblings": 5,  # {a, b}, three pairs below a, one below b
        "pairs": 4,  # a - b with three pairs below a, b - a with one below b
        "chain": 5,
        "unrelated": 7,
    }
    vectors_Kd = np.random.default_rng(0).normal(size=(len(names), 9))

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    v = vectors_Kd
    wanted = {
        "child": cosine(v[a], v[a1] - v[a]),
        "siblings": cosine(v[b], v[b2] - v[b1]),
        "pairs": cosine(v[b] - v[a], v[b2] - v[b1]),
        "chain": cosine(v[a] - v[top], v[a1] - v[a]),
    }
    for kind, value in wanted.items():
        found = angles[kind].cosines(vectors_Kd)
        assert np.isclose(np.abs(found), abs(value)).any(), kind
    above = {child: parent for child, parents in enumerate(tree.parents) for parent in parents}
    (concepts, _), (children, _) = angles["unrelated"].first, angles["unrelated"].second
    assert not any(above.get(int(z)) == w or above.get(int(w)) == z for w, z in zip(concepts, children, strict=True))


def test_of_many_pairs_so_many_are_drawn(monkeypatch: pytest.MonkeyPatch, tree: Kept) -> None:
    monkeypatch.setattr(concept_study, "MOST", 3)
    assert {len(of.concept) for of in angles_of(tree).values()} == {3}


@pytest.mark.parametrize("heldout", [0.1, 0.3, 0.5])
def test_of_every_branch_the_same_share_is_held_out(tree: Kept, heldout: float) -> None:
    for seed in range(5):
        order = shuffle_branches(tree, seed)
        out = np.zeros(len(order), dtype=bool)
        out[order] = split(len(order), heldout, seed)
        for members in tree.members:
            assert abs(out[list(members)].sum() - heldout * len(members)) <= 1
    assert sorted(shuffle_branches(tree, 1)) == list(range(len(tree.tokens)))


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 9, 40).astype(float), rng.integers(0, 9, 70).astype(float)
    pairs = [1.0 if x > y else 0.5 if x == y else 0.0 for x in inside for y in outside]
    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert np.isnan(auroc(inside, outside[:0]))


def test_a_study_says_the_same_again(tree: Kept, gaussian: Study) -> None:
    again = study(matrix(tree, 0.0), tree, seeds=4)
    assert all(
        np.array_equal(x.vectors_Kd, y.vectors_Kd) for x, y in zip(gaussian.real, again.real, strict=True)
    ) and all(np.array_equal(x.projection_K, y.projection_K) for x, y in zip(gaussian.null, again.null, strict=True))
    assert [concept for concept, _ in categories_of(tree)] == [
        0,
        *(tree.names.index(n) for n in tree.names if n in "ab"),
    ]
