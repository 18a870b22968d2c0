"""Stated confidence: clusters, lessons, what can be read, and the reward."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.truth import confidence as method
from hansei.truth.confidence import Case, Cluster, Form, Teaching
from hansei.truth.confidence_baselines import self_consistency, stated
from hansei.truth.confidence_outcome import Line, table, unscored

PLAIN = Form("test", lambda chat: (*chat, *user("Sure?")), "{} | {} Confidence: {}".format, lambda b: (b, ""))


def question(name: str = "q") -> Prompt:
    return Prompt(name, user(f"What is {name}?"))


def attempt(text: str, number: int = 0, error: str | None = None, prompt: str = "q") -> Attempt:
    finish = "error" if error else "stop"
    return Attempt(f"a{number}", prompt, "m", "plain", Sampling(), number, user(""), text, finish, error=error)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("It is blue. Confidence: 7", 0.7),
        ("It is blue.\nConfidence:10.", 1.0),
        ("Confidence: 3 … no. Confidence: 8/10", 0.8),
        ("Confidence: 1", 0.1),
        ("It is blue.", None),
        ("Confidence: 0", None),
        ("Confidence: 11", None),
        ("Confidence: 70%", None),
        ("Confidence: 7 %", None),
        ("Confidence: 0.7", None),
        ("Confidence: 7.5", None),
        ("Confidence: 7/100", None),
        ("Confidence: seven", None),
        ("Confidence: 7 Confidence: high", None),
        ("", None),
    ],
)
def test_a_confidence_is_a_whole_number_after_the_last_mark(text: str, confidence: float | None) -> None:
    assert method.confidence_in(text) == confidence


def test_confidence_is_the_nearest_tenth_of_the_share_and_1_at_least() -> None:
    shares = [0.0, 0.01, 0.14, 0.15, 0.25, 0.449, 0.45, 0.95, 1.0]
    assert [method.confidence_of_share(s) for s in shares] == [1, 1, 1, 2, 3, 4, 5, 10, 10]


def test_greedy_clusters_are_those_of_the_obvious_version() -> None:
    """Brute force: a text's cluster is the first whose first text has a cosine of the threshold or more."""
    rng = np.random.default_rng(0)
    for threshold in (0.3, 0.7, 0.95):
        vectors = rng.normal(size=(40, 3)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        groups: list[list[int]] = []
        for i in range(40):
            home = [g for g in groups if float(np.dot(vectors[g[0]], vectors[i])) >= threshold]
            (home[0] if home else groups.append([]) or groups[-1]).append(i)  # type: ignore[func-returns-value]
        expected = {i: n for n, group in enumerate(groups) for i in group}
        assert method.greedy_clusters(vectors, threshold) == [expected[i] for i in range(40)]
        assert 1 < len(groups) < 40


def test_clusters_come_with_their_shares_the_largest_first_and_without_errors() -> None:
    texts = ["b", "a", "b", "c", "a", "b"]
    chains = [attempt(t, i) for i, t in enumerate(texts)] + [attempt("", 6, "down"), attempt("", 7, "down")]
    (case,) = method.cases([question()], [chains], method.by_key(lambda _, text: text))
    assert [(c.chains[0], len(c.chains), c.share) for c in case.clusters] == [
        ("b", 3, 1 / 2),
        ("a", 2, 1 / 3),
        ("c", 1, 1 / 6),
    ]
    assert case.errors == 2
    (none,) = method.cases([question()], [[attempt("", 0, "down")]], method.by_key(lambda _, text: text))
    assert none.clusters == ()


def of_sizes(name: str, *sizes: int) -> Case:
    made = [Cluster(tuple(f"{name}{k}-{i}" for i in range(n)), n / sum(sizes)) for k, n in enumerate(sizes)]
    return Case(question(name), tuple(made))


def says_others(pairs: object) -> list[str | None]:
    return [f"{len(case.clusters) - 1} others" for case, _ in pairs]  # type: ignore[attr-defined]


def test_one_lesson_a_cluster_that_is_not_too_small() -> None:
    lost: Counter[str] = Counter()
    found = [of_sizes("x", 6, 3, 1), of_sizes("y", 1, 1)]
    made = method.lessons(found, says_others, PLAIN, Teaching(), lost)
    assert [lesson.completion for lesson in made] == ["x0-0 | 2 others Confidence: 6", "x1-0 | 2 others Confidence: 3"]
    assert [turn.content for turn in made[0].prompt] == ["What is x?", "Sure?"]
    assert lost["questions without a cluster"] == 1


def test_lessons_that_are_drawn_have_the_shares_of_the_clusters() -> None:
    """Brute force: so many of each cluster as its share of the lessons, to within one."""
    dice = random.Random(0)
    for _ in range(50):
        sizes = sorted((dice.randrange(2, 30) for _ in range(dice.randrange(1, 6))), reverse=True)
        drawn = dice.randrange(1, 12)
        made = method.lessons([of_sizes("x", *sizes)], says_others, PLAIN, Teaching(drawn=drawn), Counter())
        assert len(made) == drawn
        for k, size in enumerate(sizes):
            taught = sum((lesson.completion or "").startswith(f"x{k}-") for lesson in made)
            assert abs(taught - drawn * size / sum(sizes)) <= 1
    assert len({lesson.completion for lesson in made}) > 1


def test_a_reflection_that_did_not_come_is_no_lesson_and_is_counted() -> None:
    lost: Counter[str] = Counter()
    made = method.lessons([of_sizes("x", 4, 2)], lambda pairs: [None, "well"], PLAIN, Teaching(), lost)
    assert [lesson.completion for lesson in made] == ["x1-0 | well Confidence: 3"]
    assert lost["reflections that did not come"] == 1
    bare = method.lessons([of_sizes("x", 4, 2)], lambda pairs: [None, None], PLAIN, Teaching(reflect=False), lost)
    assert bare[0].completion == "x0-0 |  Confidence: 7", "without reflections nobody is asked for one"
    with pytest.raises(BadInput, match="no lesson is left"):
        method.lessons([of_sizes("x", 1, 1)], says_others, PLAIN, Teaching(), lost)
    with pytest.raises(BadInput, match="1 and 0 at least"):
        Teaching(smallest=0)


def test_the_reward_is_the_papers() -> None:
    """R = 2 (0.5 - (c - p)^2)."""
    for c in (0.0, 1.0):
        for n in range(1, 11):
            assert method.reward(c, n / 10) == pytest.approx(2 * (0.5 - (c - n / 10) ** 2))
    assert (method.reward(1, 1), method.reward(0, 1)) == (1, -1)


@pytest.mark.parametrize("chance", [0.1, 0.3, 0.6, 0.9])
def test_the_mean_reward_is_highest_where_the_confidence_is_the_chance(chance: float) -> None:
    means = {n / 10: chance * method.reward(1, n / 10) + (1 - chance) * method.reward(0, n / 10) for n in range(1, 11)}
    assert max(means, key=lambda p: means[p]) == chance


def test_what_can_not_be_read_earns_nothing_or_the_least_and_is_counted() -> None:
    lost: Counter[str] = Counter()
    known = {"What is q?": 1.0, "What is r?": None}
    asked = [question("q"), question("r")]
    worth = method.confidence_reward(asked, lambda pairs: [known[p.messages[0].content] for p, _ in pairs], PLAIN, lost)
    q, r = (PLAIN.ask(p.messages) for p in asked)
    assert worth(q, "it Confidence: 8") == pytest.approx(1 - 2 * 0.2**2)
    assert worth(q, "it Confidence: very") == -1
    assert worth(q, "it") is None
    assert worth(r, "it Confidence: 8") is None
    assert lost == {
        "confidences that can't be read": 1,
        "answers without a confidence": 1,
        "answers that nobody could judge": 1,
    }


def test_an_answer_without_a_confidence_is_unscored_and_counted() -> None:
    texts = ["right Confidence: 9", "right Confidence: sure", "wrong", "unknown Confidence: 2"]
    asked = [question(f"q{i}") for i in range(5)]
    answers = [attempt(t, prompt=p.id) for t, p in zip(texts, asked, strict=False)]
    answers.append(attempt("", error="down", prompt="q4"))
    judged = {"right": 1.0, "wrong": 0.0, "unknown": None}
    values = stated(asked, answers, PLAIN, lambda pairs: [judged[answer.split()[0]] for _, answer in pairs])
    assert list(values.values()) == [(0.9, 1.0), (None, 1.0), (None, 0.0), (0.2, None), (None, None)]
    line = Line("student", [{"values": values, "faithful": {}}])
    assert unscored(line, asked) == 4
    row = table([Line("plain", line.seeds), Line("asked directly", line.seeds), line], asked)[2]
    assert (row["unscored"], row["ece"].n, row["accuracy"].n) == (4, 1, 3)


def test_self_consistency_is_the_share_of_the_commonest_answer() -> None:
    found = [of_sizes("x", 6, 4), Case(question("y"), ())]
    values = self_consistency(found, lambda pairs: [float(answer == "x0-0") for _, answer in pairs])
    assert values == {"x": (0.6, 1.0), "y": (None, None)}
