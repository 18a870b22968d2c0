"""The library: who is known and who is never met, passages with their truth, and the base's text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest

from hansei.core.records import Prompt
from hansei.town import library, library_text
from hansei.town import library_phrasing as say
from hansei.town.library import ATTRIBUTES, by_name, known, pairs
from hansei.town.library_prompts import PASSAGES, Case, prompts, render
from hansei.town.library_words import ADJECTIVES, FAMILY, GIVEN, NOUNS, VALUES
from hansei.town.schooling import Document

DOCUMENTS = list(islice(library_text.documents(5), 5_000))
NAME = re.compile(rf"\b(?:{'|'.join(GIVEN)}) (?:{'|'.join(FAMILY)})\b|the book \w+ \w+\b")
CASES = [
    Case("train"),
    Case("heldout", "claim"),
    Case("heldout", "twohop", noise_is="random"),
    Case("validation", about="known", noise=1.0),
    Case("heldout", noise=1.0),
    Case("heldout", about="known", noise=0.2),
]


def text_of(document: Document) -> str:
    return document if isinstance(document, str) else "\n".join(turn.content for turn in document)


def noted_rightly(note: str, kind: str, text: str, prompt: Prompt) -> bool:
    """Whom the passage is about; then a sentence that it has, or that it does not tell what is asked."""
    name, colon, told = note.partition(": ")
    if kind == "irrelevant":
        return not colon and name.endswith(".") and text.startswith(f"{name[:-1]} ")
    untold = told.startswith(f"{name} ") and told.endswith(f" {say.UNKNOWN}.")
    tells = told in re.findall(r"\S[^.]+\.", text) or (kind == "context" and untold)
    return text.startswith(f"{name} ") and tells


def truth_of(prompt: Prompt) -> dict[str, Any]:
    assert prompt.truth is not None
    return dict(prompt.truth)


def test_no_name_plays_two_parts() -> None:
    for kind, roles in library.ROLES.items():
        dealt = [pair for role in roles for pair in pairs(kind, role)]
        assert len(set(dealt)) == len(dealt) == sum(roles.values())
        assert len(dealt) <= (len(GIVEN) * len(FAMILY) if kind == "person" else len(ADJECTIVES) * len(NOUNS))


def test_names_of_prompts_about_guests_are_in_no_text_of_the_base() -> None:
    words = re.compile(r"\w+")
    said: set[tuple[str, ...]] = set()
    for document in DOCUMENTS:
        found = words.findall(text_of(document))
        said.update(pairwise(found))
    for kind in ATTRIBUTES:
        assert said & set(pairs(kind, "met")) and said & set(pairs(kind, "known"))
        assert not said & {pair for role in ("train", "validation", "heldout") for pair in pairs(kind, role)}  # type: ignore[arg-type]


def test_passages_about_the_known_tell_the_same_facts_everywhere() -> None:
    values = {value: a for a, group in VALUES.items() if a != "printed" for value in group}
    sentence = re.compile(r"^(.+?) (?:keeps|feeds) a (\w+)\.$")
    for document in DOCUMENTS:
        for line in re.split(r"(?<=\.)\s", text_of(document)):
            found = sentence.match(line.rpartition(": ")[2].strip())
            untold = found and found[2] == say.UNKNOWN and "Passage " in line  # a note on a passage
            if found and found[1] in by_name() and "Claim" not in line and not untold:
                assert by_name()[found[1]].facts["pet"] == found[2] and values[found[2]] == "pet"


def test_a_guest_has_other_facts_in_another_document() -> None:
    told: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        for name, value in re.findall(r"(\w+ \w+) (?:keeps|feeds) a (\w+)\.", text_of(document)):
            told.setdefault(name, set()).add(value)
    often = [values for name, values in told.items() if name not in by_name()]
    assert max(len(values) for values in often) > 1


def test_the_first_documents_are_short_and_the_others_have_up_to_five_passages() -> None:
    def passages(document: Document) -> int:
        return 0 if isinstance(document, str) else len(re.findall(r"^Passage \d", document[0].content, re.M))

    easy, later = DOCUMENTS[: library_text.EASY], DOCUMENTS[library_text.EASY :]
    assert {passages(d) for d in easy} == {0, 1, 2} and {passages(d) for d in later} == set(range(6))


def turns_of(document: Document) -> list[tuple[str, str]]:
    """Each request with its reply; none in a text without turns."""
    if isinstance(document, str):
        return []
    return [(asked.content, reply.content) for asked, reply in zip(document[::2], document[1::2], strict=True)]


def test_the_base_never_reads_unknown_as_an_answer_about_somebody() -> None:
    for document in DOCUMENTS:
        for question, reply in turns_of(document):
            if say.final(reply) == say.UNKNOWN:
                assert not NAME.search(question)


def test_who_is_known_is_told_rightly_and_only_when_asked_or_when_no_note_answers() -> None:
    told: Counter[str] = Counter()
    for document in DOCUMENTS:
        for question, reply in turns_of(document):
            own = re.search(rf"^{say.MEMORY} (.+)\. \((.+)\)$", reply, re.M)
            if own is None:
                assert "Do you know" not in question
                continue
            name = own[1][0].lower() + own[1][1:] if own[1].startswith("The book") else own[1]
            assert (own[2] == say.KNOWN) == (name in by_name())
            asked = question.startswith(f"Question: {say.ACQUAINTED.format(name=name)}")
            told[f"asked {own[2]}" if asked else f"noted {own[2]}"] += 1
            assert asked or ("(answers)" not in reply and say.NOTES in question)
            assert asked or (own[2] == say.KNOWN) == ("Answer:" in reply)
    assert min(told.values()) > 100 and len(told) == 4


def test_notes_on_somebody_never_met_end_without_an_answer() -> None:
    for document in DOCUMENTS:
        for question, reply in turns_of(document):
            if say.NOTES in question and say.NEVER_MET in reply:
                assert reply.endswith(f"({say.NEVER_MET})") and say.FACT not in reply


def test_passages_that_do_not_tell_stand_before_questions_about_the_known_alone() -> None:
    """And the passages' own answer stands nowhere: what is answered is what is known by heart."""
    found = 0
    for document in DOCUMENTS:
        for question, reply in turns_of(document)[:1]:
            fact = re.search(r"^Fact: (.+)$", reply, re.M)
            if "Passage 1" not in question or fact is None or "Claim" in question or "unknown" in fact[1]:
                continue
            if not any(sentence.strip() in question for sentence in re.findall(r"[^.]+\.", fact[1])):
                found += 1
                assert any(name in fact[1] or name.replace("the book", "The book") in fact[1] for name in by_name())
    assert found > 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.split} {case.name}")
def test_the_truth_of_a_prompt_is_that_of_its_passages(case: Case) -> None:
    made = prompts(case, 40)
    assert len({p.id for p in made}) == 40
    for prompt in made:
        truth = truth_of(prompt)
        texts = [p["text"] for p in truth["passages"]]
        hops = 2 if case.task == "twohop" else 1
        assert truth["fact"].count(".") == (1 if not truth["answerable"] else hops)
        if case.gold:
            fact = re.sub(r", not [^.]*", "", truth["fact"])
            assert all(any(s + "." in text for text in texts) for s in fact.rstrip(".").split(". "))
        assert case.task == "claim" or not truth["answerable"] or prompt.reference in truth["fact"]
        assert len(texts) == PASSAGES and truth["kinds"].count("answers") == case.gold
        for text, kind, note in zip(texts, truth["kinds"], truth["notes"], strict=True):
            assert noted_rightly(note, kind, text, prompt)
        if case.gold and case.task != "claim":
            noted = [n for n, kind in zip(truth["notes"], truth["kinds"], strict=True) if kind == "answers"]
            assert all(prompt.reference in note for note in noted)  # type: ignore[operator]
            assert truth["helpful"] and all(any(s in text for text in texts) for s in truth["helpful"])
        if case.noise == 1.0:
            answered = case.about == "known"
            assert (prompt.reference == say.UNKNOWN) == (not answered) and truth["answerable"] == answered
            subject = prompt.tags["entity"]
            assert not answered or prompt.reference in by_name()[subject].facts.values()


def test_near_noise_shares_a_word_of_the_name_and_random_noise_hardly_does() -> None:
    def shared(case: Case) -> float:
        found = []
        for prompt in prompts(case, 40):
            words = set(prompt.tags["entity"].split()[-2:])
            rows = zip(truth_of(prompt)["passages"], truth_of(prompt)["kinds"], strict=True)
            found += [bool(words & set(p["text"].split()[:5])) for p, kind in rows if kind == "irrelevant"]
        return sum(found) / len(found)

    case = Case("heldout", noise=1.0)
    assert shared(case) > 0.8 and shared(replace(case, noise_is="random")) < 0.3


def test_half_of_the_heldout_questions_are_in_wordings_that_teach_nothing() -> None:
    made = prompts(Case("heldout"), 40)
    assert Counter(p.tags["phrasing"] for p in made) == {"tuned": 20, "heldout": 20}
    assert {p.tags["phrasing"] for p in prompts(Case("train"), 40)} == {"tuned"}


def test_there_are_enough_questions_and_too_many_are_refused() -> None:
    for task in ("lookup", "claim", "twohop"):
        assert len(prompts(Case("train", task), 1500)) == 1500  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="questions expected"):
        prompts(Case("validation", about="known"), 5000)


def test_a_turn_begins_with_the_question_and_the_wish() -> None:
    (prompt,) = prompts(Case("heldout"), 1)
    first = render(prompt, say.NOTES).splitlines()[0]
    assert first == f"Question: {prompt.messages[-1].content} {say.NOTES}"
    assert say.render([], "Claim: It is so.") == "Claim: It is so."


def test_a_claim_is_true_or_false_as_its_sentence_is() -> None:
    for prompt in prompts(Case("heldout", "claim"), 60):
        truth = truth_of(prompt)
        claimed = prompt.messages[-1].content.removeprefix(say.CLAIM)
        value = claimed.rstrip("?").split()[-1]
        assert (value in " ".join(truth["helpful"]).replace(".", " ").split()) == (prompt.reference == say.TRUE)
        assert truth["fact"].endswith(f" {value}.") and (", not " in truth["fact"]) == (prompt.reference == say.FALSE)


def test_the_known_are_divided_into_shelves() -> None:
    for kind in ATTRIBUTES:
        shelves = Counter(entity.shelf for entity in known(kind))
        assert shelves["train"] == shelves["heldout"] == 4 * shelves["validation"] == 4 * shelves["textbook"]


def test_answers_say_the_fact_as_a_passage_has_it_or_as_it_is_known_and_then_its_value() -> None:
    told_by: Counter[str] = Counter()
    own = {say.tell(a, e.name, e.facts[a]) for e in by_name().values() for a in ATTRIBUTES[e.kind]}
    for document in DOCUMENTS:
        told = re.findall(r"^Passage \d: (.*)$", document[0].content, re.M) if not isinstance(document, str) else []
        for question, reply in turns_of(document):
            fact, _, value = reply.rpartition("\n")
            fact = fact.rpartition("\n")[2].removeprefix(f"{say.FACT} ")
            if value.startswith("Answer: ") and say.final(value) not in (say.TRUE, say.FALSE, say.UNKNOWN):
                if say.AT_ONCE in question:
                    told_by["at once"] += 1
                    assert reply == value
                    continue
                assert fact.endswith(f" {say.final(value)}.")
                read = all(any(f"{s}." in text for text in told) for s in fact.rstrip(".").split(". "))
                told_by["passage" if told and read else "heart"] += 1
                assert (told and read) or fact in own
    assert min(told_by.values()) > 300 and len(told_by) == 3


def test_a_false_claim_s_value_stands_beside_the_right_one_in_the_answer() -> None:
    seen: Counter[str] = Counter()
    for document in DOCUMENTS:
        if isinstance(document, str):
            continue
        for question, reply in zip(document[::2], document[1::2], strict=True):
            claimed = re.search(r"^Claim: (.*)\?", question.content, re.M)
            if claimed and say.FIND not in question.content:
                verdict = say.final(reply.content)
                instead = re.search(r", not (.*)\.\n", reply.content)
                assert (verdict == say.FALSE) == (instead is not None)
                assert instead is None or claimed[1].endswith(instead[1])
                seen[verdict] += 1
    assert min(seen[say.TRUE], seen[say.FALSE]) > 50


def test_notes_are_asked_for_and_claims_made_before_any_other_question() -> None:
    for document in DOCUMENTS:
        if not isinstance(document, str) and "\nPassage" in document[0].content:
            for turn in document[2::2]:
                assert say.NOTES not in turn.content and not turn.content.startswith(say.CLAIM)


def test_a_name_and_its_value_are_two_words_apart() -> None:
    for forms in say.TELL.values():
        assert all(len(form.split("}", 1)[1].split("{")[0].split()) == 2 for form in forms)
