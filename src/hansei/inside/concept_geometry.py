"""The geometry of categorical and hierarchical concepts in a model's unembedding: `hansei measure concept-geometry`.

Park et al., "The Geometry of Categorical and Hierarchical Concepts in Large Language Models", arXiv 2406.01506:
whitening and estimator in `concept_directions.py`, hierarchies in `concept_tree.py` and `concept_wordnet.py`, tables
in `concept_rows.py`.

Deviations. The headline is what held-out words do. Orthogonality (Theorem 8) stands beside its excess over random
nested sets of the same sizes, as it holds for nonsense too: C^-1 m of a set and of its subset agree in what they share.
Words are held out for the whole hierarchy at once, so that no concept is estimated from another one's held-out words
(upstream splits each concept anew). Plurals come by rule (upstream: the package inflect). Merged synsets lend no
`.other` concepts to the tree. Interventions are not made: adding v to l(x) changes the logit of y by v . g(y), which is
the projection that is measured.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.progress import progress
from hansei.core.result import Result
from hansei.inside.concept_directions import Array, space_of
from hansei.inside.concept_rows import (
    NUMBERS,
    Null,
    Study,
    angle_rows,
    category_rows,
    concept_rows,
    head_rows,
    notes,
)
from hansei.inside.concept_study import angles_of, measure
from hansei.inside.concept_tree import Concept, Hierarchy, Kept, keep, read_tree
from hansei.inside.concept_wordnet import Pos, forms, read_wordnet
from hansei.inside.unembedding import Unembedding, Vocabulary, load_unembedding

POSITIONAL = ("model",)
SpaceName = Literal["causal", "euclidean"]
TOWN = "town:taxonomy"
MERGE_BELOW = 5
"""Upstream's least difference in words between a synset and the one above it."""
LEAST = 5
"""Words without which a concept has no held-out ones and no covariance."""
OTHERS = 2000
"""Random tokens of the vocabulary that held-out words are told from."""
TABLE = 12


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    model: str
    """town:taxonomy, a model's folder or Hugging Face name, or a saved matrix (.safetensors, .npy; V x d)."""
    tree: str | None = None
    """Your own hierarchy: JSON or TOML tables of concepts with lists of words, or indented text."""
    wordnet: str | None = None
    """WordNet in place of --tree: WN-LMF, WNDB (data.noun), a release's JSON or YAML folder, JSONL."""
    pos: Pos = "noun"
    """Part of WordNet."""
    vocabulary: str | None = None
    """Of a saved matrix: a token a line, vocab.json, tokenizer.json or a folder with a tokenizer."""
    tensor: str | None = None
    """Name of the matrix in a .safetensors file with several."""
    min_words: int | None = None
    """Single-token words that a concept needs; 50 for WordNet (the paper's), 5 for your own tree."""
    heldout: float = 0.3
    """Share of the words that no concept is estimated from."""
    seeds: int = 5
    """Seeds of the held-out words and of the random sets."""
    space: SpaceName = "causal"
    """causal: whitened over the vocabulary; euclidean: only centred, the paper's control."""
    null: Null = "vocabulary"
    """What random sets are drawn from: all of the vocabulary, or the words of the hierarchy itself."""
    show: str | None = None
    """Concept whose children are drawn; where none is named, the one with three to five children and most words."""
    limit: int | None = None
    """Only so many concepts, the largest."""
    dry_run: bool = False
    """Print how many concepts are left for this vocabulary and how long it would take, and stop."""
    out: str | None = None
    """Folder for the charts and result.json; nothing is written without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for what makes no measurement."""
        if self.tree and self.wordnet:
            raise BadInput("measure concept-geometry: one of --tree and --wordnet was expected, found both")
        if not self.tree and not self.wordnet and self.model != TOWN:
            raise BadInput(
                "measure concept-geometry: a hierarchy was expected: --wordnet FILE, or your own with --tree FILE"
            )
        if self.min_words is not None and self.min_words < LEAST:
            raise BadInput(f"min-words: {LEAST} or more were expected, found {self.min_words}: some are held out")
        if not 0.1 <= self.heldout <= 0.5:
            raise BadInput(f"heldout: a share from 0.1 to 0.5 was expected, found {self.heldout}")
        if self.seeds < 1 or (self.limit is not None and self.limit < 2):
            raise BadInput(
                f"measure concept-geometry: seeds of 1 or more and a limit of 2 or more were expected, found "
                f"{self.seeds} and {self.limit}"
            )


def run(settings: Settings) -> Result:
    """Reads, whitens, estimates, measures. Raises BadInput at what can't be worked with."""
    started = time.monotonic()
    unembedding = load_unembedding(settings.model, settings.vocabulary, settings.tensor)
    tree = hierarchy_of(settings, unembedding.vocabulary)
    if settings.show is not None and settings.show not in tree.names:
        raise BadInput(f"show: no concept {settings.show!r} is left; the largest are {', '.join(tree.names[:6])}")
    counts = [{"row": step, "concepts": concepts, "words": words} for step, concepts, words in tree.counts]
    if settings.dry_run:
        seconds = estimate(tree, unembedding.width, settings.seeds)
        note = f"about {seconds:.0f} s of one core after the whitening"
        return Result(name="concept-geometry", settings=asdict(settings), rows=counts, notes=[note])
    found = study(unembedding, tree, settings.seeds, settings.heldout, settings.space, settings.null)
    result = Result(
        name="concept-geometry",
        settings=asdict(settings),
        rows=head_rows(found),
        parts={
            "hierarchy": counts,
            "orthogonality": angle_rows(found),
            "categories": category_rows(found),
            "largest concepts": concept_rows(found)[:TABLE],
        },
        numbers=NUMBERS,
        notes=notes(unembedding, found, settings.null),
        more={"concepts": concept_rows(found)},
        seeds=list(range(settings.seeds)),
        seconds=time.monotonic() - started,
    )
    if not settings.out:
        return result
    from hansei.core.output import with_files
    from hansei.inside.concept_chart import charts

    return with_files(result, settings.out, charts(found, settings.show))


def hierarchy_of(settings: Settings, vocabulary: Vocabulary) -> Kept:
    """The concepts that the vocabulary leaves of the hierarchy that was asked for."""
    if settings.wordnet:
        hierarchy, irregular = read_wordnet(settings.wordnet, settings.pos)
        lemmas = {word for concept in hierarchy.values() for word in concept.words}
        spelt = {word: forms(word, settings.pos, irregular) for word in lemmas if word.isalpha()}
        least, merge = settings.min_words or 50, MERGE_BELOW
    else:
        hierarchy = read_tree(settings.tree) if settings.tree else town_hierarchy()
        spelt = {word: [word] for concept in hierarchy.values() for word in concept.words}
        least, merge = settings.min_words or LEAST, 0
    known = vocabulary.words
    tokens_of = {word: [known[form] for form in every if form in known] for word, every in spelt.items()}
    return keep(hierarchy, tokens_of, least=least, merge_below=merge, limit=settings.limit)


def town_hierarchy() -> Hierarchy:
    """The tree that the district *taxonomy* tells of."""
    from hansei.town.taxonomy import members, parents

    above = parents()
    return {
        concept: Concept(
            tuple(kind.name for kind in kinds if kind.path[-1] == concept),
            (above[concept],) if concept in above else (),
        )
        for concept, kinds in members().items()
    }


def estimate(tree: Kept, width: int, seeds: int) -> float:
    """Seconds on one core, roughly: products and solutions of the smaller side, real and random."""
    work = 0.0
    for members in tree.members:
        n = len(members)
        small = min(n, width)
        work += n * width * small + small**3 / 3 + 2 * len(tree.tokens) * width + 4e6
    return 2 * seeds * work / 3e10


def study(
    unembedding: Unembedding,
    tree: Kept,
    seeds: int,
    heldout: float = 0.3,
    space: SpaceName = "causal",
    null: Null = "vocabulary",
) -> Study:
    """Measures the hierarchy and, with as many seeds, nonsense of its shape."""
    vocabulary = unembedding.vocabulary
    room = space_of(unembedding.rows, vocabulary.size, whiten=space == "causal")

    def vectors(tokens: Any) -> Array:
        return room.vectors(unembedding.at(tokens))

    angles = angles_of(tree)
    words_Nd = vectors(tree.tokens)
    real, nonsense = [], []
    for seed in progress(range(seeds), "held-out splits"):
        rng = np.random.default_rng([seed, len(tree.tokens)])
        outside = np.setdiff1d(vocabulary.tokens, tree.tokens)
        others_Rd = vectors(rng.permutation(outside)[:OTHERS])
        real.append(measure(words_Nd, others_Rd, tree, heldout, seed, angles))
        if null == "words":
            random_Nd = words_Nd[rng.permutation(len(words_Nd))]
        else:
            drawn = rng.permutation(vocabulary.tokens)[: len(tree.tokens)]
            random_Nd = vectors(drawn)
            others_Rd = vectors(rng.permutation(np.setdiff1d(vocabulary.tokens, drawn))[:OTHERS])
        nonsense.append(measure(random_Nd, others_Rd, tree, heldout, seed, angles))
    return Study(tree, real, nonsense, words_Nd, {kind: pairs.concept.tolist() for kind, pairs in angles.items()})
