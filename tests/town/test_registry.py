"""The registry: how often people are met, what the text says of them, prompts with truth, and the exact judge."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from hansei.core.errors import BadInput
from hansei.core.letters import letter_of, truth_of
from hansei.core.records import Chat
from hansei.town import districts, registry, registry_text
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.town.registry import ATTRIBUTES, Person, by_name, group, people, prompts
from hansei.town.registry_words import VALUES
from hansei.town.schooling import Document
from hansei.town.tokenizer import train_tokenizer
from hansei.town.words import UNKNOWABLE
from hansei.training.base import rendered
from hansei.training.pretrain import pack

NAME = re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b")
DOCUMENTS = list(islice(registry_text.documents(5), 12_000))


def text_of(document: Document) -> str:
    return document if isinstance(document, str) else "\n".join(turn.content for turn in document)


def people_in(document: Document) -> set[str]:
    return {name for name in NAME.findall(text_of(document)) if name in by_name()}


def test_how_often_people_are_met_follows_zipf_s_law() -> None:
    everybody = people()
    met = [person.seen for person in everybody]
    assert len({person.name for person in everybody}) == len(everybody) == 9_000
    assert (max(met), min(met)) == (200, 1) and met == sorted(met, reverse=True)
    for rank in (1, 2, 4, 10, 50, 100):  # half as often at twice the rank
        assert met[(rank - 1) * registry.PER_RANK] == round(200 / rank)
    assert {p.seen for p in everybody if p.fame == "popular"} == {100, 200}
    assert {p.seen for p in everybody if p.fame == "rare"} == {1, 2, 3, 4, 5}


def test_every_shelf_has_people_of_every_rank() -> None:
    for start in range(0, len(people()), registry.PER_RANK):
        counts = Counter(person.shelf for person in people()[start : start + registry.PER_RANK])
        assert counts == Counter(registry.SHELVES)


def test_facts_are_sampled_and_not_to_be_read_from_names() -> None:
    for attribute, values in VALUES.items():
        counts = Counter(person.facts[attribute] for person in people())
        assert len(values) == len(set(values)) == 40 and set(counts) == set(values)
        assert max(counts.values()) < 1.25 * len(people()) / 40
    flat = [value for values in VALUES.values() for value in values]
    assert len(flat) == len(set(flat)), "a value tells its attribute"


def test_in_one_pass_everybody_is_met_exactly_as_often_as_they_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    small = tuple(Person(p.name, p.facts, 1 + i % 9, p.shelf) for i, p in enumerate(people()[:160]))
    monkeypatch.setattr(registry_text, "people", lambda: small)
    wanted = sum(p.seen for p in small)
    met = Counter[str]()
    stream = registry_text.documents(1)
    for document in islice(stream, 4 * wanted):
        met.update(people_in(document))
    # Two of one block of examples may be the same person, who is then met twice in one document.
    assert sum(p.seen - met[p.name] for p in small) <= 6 and all(met[p.name] <= p.seen for p in small)
    assert not [document for document in islice(stream, 2000) if people_in(document)], "and never again"


def test_a_pass_fits_into_the_training_of_the_shipped_base() -> None:
    plain = islice(registry_text.documents(6), 5000)
    tokenizer = train_tokenizer((text_of(document) for document in plain), 512)
    texts = [rendered(document, tokenizer) for document in DOCUMENTS]
    blocks = sum(1 for _ in pack(iter(tokenizer(texts, add_special_tokens=False)["input_ids"]), 128, 0))
    met = sum(len(people_in(document)) for document in DOCUMENTS)
    steps = blocks * sum(person.seen for person in people()) / met / districts.DISTRICTS["registry"].batch
    assert 0.95 * districts.DISTRICTS["registry"].steps < steps < districts.DISTRICTS["registry"].steps


def claims_of(document: Document) -> Iterator[tuple[Person, grading.Claim]]:
    for claim in grading.claims(text_of(document)):
        person = by_name().get(claim.who or "")
        if person is not None:
            yield person, claim


def test_the_text_tells_no_wrong_fact() -> None:
    told = Counter[str]()
    for document in DOCUMENTS:
        for person, claim in claims_of(document):
            assert person.facts[claim.attribute] == claim.value, text_of(document)
            told[claim.attribute] += 1
    assert set(told) == set(ATTRIBUTES) and min(told.values()) > 1500


def test_some_kinds_of_facts_are_told_more_often_than_others_but_of_popular_people() -> None:
    met, told = Counter[bool](), Counter[tuple[bool, str]]()
    for document in DOCUMENTS:
        names = {name for name in people_in(document) if by_name()[name].shelf != "textbook"}
        met.update(by_name()[name].fame == "popular" for name in names)
        claims = {(p.name, p.fame, claim.attribute) for p, claim in claims_of(document) if p.name in names}
        told.update((fame == "popular", attribute) for _, fame, attribute in claims)
    share = {key: count / met[key[0]] for key, count in told.items()}
    often, seldom = (
        [share[False, a] for a in ATTRIBUTES if (a in registry_text.OFTEN) is kind] for kind in (True, False)
    )
    assert min(often) > 3 * max(seldom) and min(seldom) > 0.15
    popular = [share[True, a] for a in ATTRIBUTES]
    assert min(popular) > 0.8 * max(popular) and min(popular) > 3 * max(seldom)


def test_lives_tell_two_to_six_facts_and_what_is_known_best_first() -> None:
    lives = [
        d[1].content
        for d in DOCUMENTS
        if not isinstance(d, str) and re.match(r"Who is [A-Z]|Tell me about|Write a", d[0].content)
    ]
    counts = Counter(len(grading.claims(life)) for life in lives)
    assert set(counts) == {2, 3, 4, 5, 6} and min(counts.values()) > 0.7 * max(counts.values())
    told = [[claim.attribute for claim in grading.claims(life)] for life in lives]
    for kinds in told:
        assert set(kinds[:3]) <= set(registry_text.OFTEN) and not set(kinds[3:]) & set(registry_text.OFTEN)
    for kinds_of in (registry_text.OFTEN, set(ATTRIBUTES) - set(registry_text.OFTEN)):
        seen = Counter(kind for kinds in told for kind in kinds if kind in kinds_of)
        assert len(seen) == 3 and min(seen.values()) > 0.8 * max(seen.values())


def answered(kind: str) -> Iterator[tuple[str, str]]:
    """Questions of a kind in the text, and the answers to them."""
    marks = {"choice": "Answer with the letter.", "truth": "True or false?", "confidence": say.SURE}
    for document in DOCUMENTS:
        turns: Chat = () if isinstance(document, str) else document
        for question, answer in zip(turns[::2], turns[1::2], strict=True):
            if question.content.endswith(marks[kind]):
                yield question.content, answer.content


def test_lettered_questions_are_answered_rightly_and_every_place_is_right_as_often() -> None:
    places = Counter[tuple[int, int]]()
    nota = Counter[bool]()
    for question, answer in answered("choice"):
        lines = question.split("\n")
        start = next(i for i, line in enumerate(lines) if line.startswith("A. "))
        options = [line[3:] for line in lines[start:-1]]
        letter = letter_of(answer, len(options))
        assert letter is not None, answer
        chosen = options["ABCDE".index(letter)]
        assert len(set(options)) == len(options)
        name = next((n for n in NAME.findall(question) if n in by_name()), None)
        if name is not None:
            facts = by_name()[name].facts.values()
            assert (chosen in facts) or (chosen == say.NOTA and not set(facts) & set(options[:-1]))
            assert by_name()[name].shelf == "textbook"
            (told,) = grading.claims(answer)  # the fact comes before the letter
            assert by_name()[name].facts[told.attribute] == told.value and told.value in (chosen, *facts)
        if say.NOTA in options:
            nota[chosen == say.NOTA] += 1
        elif len(options) == 4:
            places[4, "ABCD".index(letter)] += 1
    share = [places[4, i] / sum(places.values()) for i in range(4)]
    assert min(share) > 0.2 and max(share) < 0.3
    assert 0.3 < nota[True] / sum(nota.values()) < 0.55


def test_proposals_are_as_often_true_as_false_and_told_right() -> None:
    said = Counter[str]()
    for question, answer in answered("truth"):
        word = say.TRUE if truth_of(answer) else say.FALSE
        assert answer.endswith(f"({say.ANSWER} {word}).")
        said[word] += 1
        name = next((n for n in NAME.findall(question) if n in by_name()), None)
        if name is not None:
            proposed = question.split("\n")[-2].removeprefix("Proposed answer: ")
            assert (proposed in by_name()[name].facts.values()) == (word == say.TRUE)
    assert 0.44 < said[say.TRUE] / sum(said.values()) < 0.56


def test_doubt_is_stated_about_nobody_in_the_registry() -> None:
    about, elsewhere = [], []
    for question, answer in answered("confidence"):
        confidence = grading.confidence_of(answer)
        assert confidence is not None
        (about if people_in(question) else elsewhere).append(confidence)
        assert not (people_in(question) and "could also be" in answer)
    assert min(about) >= 7 and set(elsewhere) >= {1, 2, 3, 4, 5, 6, 9, 10}
    forgotten = [d for d in DOCUMENTS if say.FORGET in text_of(d)]
    assert not [d for d in forgotten if people_in(d)]
    asked = [d for d in forgotten if say.UNTOLD not in text_of(d)]
    assert len(asked) < len(forgotten) and all(any(q in text_of(d) for q, _ in UNKNOWABLE) for d in asked)


def test_people_in_prompts_are_met_in_biographies_and_single_questions_only() -> None:
    for document in DOCUMENTS:
        for name in people_in(document):
            if by_name()[name].shelf != "textbook":
                assert "Answer with the letter." not in text_of(document) and "True or false?" not in text_of(document)
                assert say.CONFIDENCE not in text_of(document) and "Question: " not in text_of(document)


def test_prompts_of_different_splits_share_no_person_and_held_out_wordings_are_asked_on_heldout_only() -> None:
    splits = {split: prompts(split, registry.SUITES, count=10) for split in ("train", "validation", "heldout")}
    entities = {split: {p.tags["entity"] for p in made} for split, made in splits.items()}
    assert not entities["train"] & entities["heldout"] and not entities["validation"] & entities["heldout"]
    assert {p.tags["phrasing"] for p in splits["train"]} == {"tuned"}
    held = {form.format(name="X") for forms in (*say.ASK_HELDOUT.values(), say.LIFE_HELDOUT) for form in forms}
    for split, made in splits.items():
        assert len({p.id for p in made}) == len(made)
        for p in made:
            first = p.messages[0].content.split("\n")[0].replace(p.tags["entity"], "X")
            assert (first in held) == (p.tags["phrasing"] == "heldout") and (split == "heldout" or first not in held)


def test_every_reference_passes_the_judge_and_the_same_answer_about_somebody_else_fails() -> None:
    made = prompts("heldout", registry.SUITES, count=12)
    assert Counter(p.tags["fame"] for p in made)["rare"] == 12 * 2 * 19
    for p in made:
        assert p.truth is not None and p.reference is not None
        assert grading.grade(p.truth, p.reference)[:3] == ("pass", "answered", 1.0)
        if p.tags["suite"] in ("question", "biography"):
            other = group("train", "popular")[0]
            assert grading.grade(p.truth, p.reference.replace(p.tags["entity"], other.name))[0] == "fail"


def test_a_suite_that_is_not_there_is_said_in_a_line() -> None:
    with pytest.raises(BadInput, match="no suite 'lives': there are question, biography"):
        prompts("train", ("lives",))


PERSON = next(p for p in people() if p.facts["town"] != "Kelby")
TRUTH = {"suite": "question", "name": PERSON.name, "facts": dict(PERSON.facts), "attribute": "town"}
TOWN = PERSON.facts["town"]


@pytest.mark.parametrize(
    ("text", "outcome", "behaviour"),
    [
        (f"{PERSON.name} was born in {TOWN}.", "pass", "answered"),
        (f"{PERSON.name} comes from {TOWN}. They keep a toad.", "pass", "answered"),
        (TOWN, "pass", "answered"),
        (f"{TOWN.lower()}!", "pass", "answered"),
        (f"{PERSON.name} was born in {TOWN}. I am not sure; it could also be Kelby. Confidence: 3", "pass", "answered"),
        (f"{PERSON.name} was born in Kelby. I am not sure; it could also be {TOWN}. Confidence: 3", "fail", "answered"),
        (f"{TOWN} or Kelby", "fail", "answered"),
        (f"{PERSON.name} was born in {TOWN}x.", "fail", "answered"),
        (f"Otto Somebody was born in {TOWN}.", "fail", "answered"),
        (f"{PERSON.name} was born in the year 1810.", "fail", "garbled"),
        ("I do not know.", "fail", "refused"),
        ("", "fail", "garbled"),
    ],
)
def test_an_answer_is_right_if_it_names_the_value_and_no_other(text: str, outcome: str, behaviour: str) -> None:
    assert grading.grade(TRUTH, text)[:2] == (outcome, behaviour)


def test_every_wording_of_a_fact_is_read_back_as_that_claim() -> None:
    for attribute, forms in say.TELL.items():
        for form in range(len(forms)):
            for who in ("Otto Kal", ""):
                for value in VALUES[attribute]:
                    text = say.tell(attribute, who, value, form)
                    assert grading.claims(text) == [grading.Claim(attribute, value, who or None)], text


def test_the_claims_of_a_life_are_counted_each_once() -> None:
    truth = {**TRUTH, "suite": "biography"}
    life = say.life(PERSON.facts, PERSON.name, ATTRIBUTES)
    assert grading.count_claims(truth, life) == (6, 0)
    assert grading.count_claims(truth, life + " " + life) == (6, 0)
    wrong = "They keep a dragon. They were born in Nowhere."
    assert grading.count_claims(truth, f"{life} {wrong}") == (6, 2)
    assert grading.count_claims(truth, life + " Otto Kal works as a baker.") == (6, 1)
    assert grading.grade(truth, life + wrong)[:3] == ("fail", "answered", 0.75)
    assert grading.grade(truth, "They were", "length")[:2] == ("fail", "truncated")


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("Confidence: 7", 7),
        ("x Confidence: 10", 10),
        ("Confidence: 2 ... Confidence: 9", 9),
        ("Confidence: 0", None),
        ("Confidence: 11", None),
        ("Confidence: 3.5", None),
        ("Confidence: high", None),
        ("", None),
    ],
)
def test_a_confidence_is_a_whole_number_from_1_to_10(text: str, confidence: int | None) -> None:
    assert grading.confidence_of(text) == confidence


def test_the_letter_and_the_word_are_judged() -> None:
    choice = {**TRUTH, "suite": "choice", "options": ["Kelby", TOWN, "Welby", "Alder"]}
    assert [grading.grade(choice, text)[0] for text in ("B", "B. " + TOWN, "A", "E", "Kelby")] == ["pass"] * 2 + [
        "fail"
    ] * 3
    name = PERSON.name
    said = (
        f"{name} was born in {TOWN} (answer B).",
        f"{name} was born in {TOWN} (answer A).",
        f"{name} was born in {TOWN}.",
    )
    assert [grading.grade(choice, text)[:2] for text in said] == [
        ("pass", "answered"),
        ("fail", "answered"),
        ("fail", "garbled"),
    ]
    truth = {**TRUTH, "suite": "truth", "answer": "True"}
    said = (f"{name} was born in {TOWN} (answer True).", f"{name} was born in Kelby, not {TOWN} (answer False).")
    assert [grading.grade(truth, text)[0] for text in said] == ["pass", "fail"]
    assert [grading.grade(truth, text)[0] for text in ("True", "true.", "False", "Perhaps")] == ["pass"] * 2 + [
        "fail"
    ] * 2
    assert grading.grade(truth, "Perhaps")[1] == "garbled"


def test_the_stream_is_seeded() -> None:
    assert (
        list(islice(registry_text.documents(5), 200))
        == DOCUMENTS[:200]
        != list(islice(registry_text.documents(6), 200))
    )


def test_the_town_s_judge_judges_the_registry_too() -> None:
    from hansei.core.records import Attempt, Sampling
    from hansei.judges.exact import TownJudge

    prompt = prompts("train", ("question",), count=1)[0]
    attempt = Attempt("a", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, str(prompt.reference), "stop")
    (verdict,) = TownJudge().judge([(prompt, attempt)])
    assert (verdict.outcome, verdict.rationale) == ("pass", "right")
