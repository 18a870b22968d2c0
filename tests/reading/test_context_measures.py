"""The measures of a span against their definitions written out."""

from __future__ import annotations

import random

import pytest
import torch

from hansei.core.records import user
from hansei.reading.context_measures import chosen, cxmi, lexical, sentences, strinc, unigram_f1


def brute_f1(found: list[str], wanted: list[str]) -> float:
    """Pairs off equal units one by one; precision, recall, harmonic mean."""
    left, same = list(wanted), 0
    for unit in found:
        if unit in left:
            left.remove(unit)
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(found), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def test_token_and_char_f1_are_what_pairing_off_gives() -> None:
    rng = random.Random(0)
    for _ in range(300):
        found = [rng.choice("abcde") for _ in range(rng.randrange(8))]
        wanted = [rng.choice("abcde") for _ in range(rng.randrange(1, 8))]
        assert unigram_f1(found, wanted) == pytest.approx(brute_f1(found, wanted))
        span, answer = "x".join(found), "x".join(wanted)
        # letters joined by x: one word each for `token`, characters for `char` ("a" alone is an article)
        assert lexical(f"q{span}", [f"q{answer}"], "char") == pytest.approx(brute_f1([*f"q{span}"], [*f"q{answer}"]))
        words, others = " ".join(f"w{c}" for c in found), " ".join(f"w{c}" for c in wanted)
        assert lexical(words, [others]) == pytest.approx(brute_f1(words.split(), others.split()))


def test_the_char_mode_takes_an_anagram_for_the_answer_and_the_token_mode_does_not() -> None:
    assert lexical("listen", ["silent"], "char") == 1.0 and lexical("listen", ["silent"]) == 0.0
    assert lexical("The Cat, sat!", ["a cat sat"]) == 1.0
    assert lexical("the cat!", ["cat"], "char") == pytest.approx(2 * 3 / (4 + 3))  # articles go, punctuation stays
    assert lexical("one two", ["nine", "two three", "two"]) == pytest.approx(2 / 3)
    assert lexical("", ["x"]) == lexical("x", []) == 0.0


def test_strinc_looks_for_the_string_in_any_case() -> None:
    assert strinc("Born in GARTH.", ["garth"]) == 1.0
    assert strinc("Born in Garth.", ["Oslo", ""]) == 0.0 and strinc("x", []) == 0.0


def test_cxmi_is_the_difference_of_summed_log_probabilities_in_float64(llama_folder: str) -> None:
    from hansei.models.local import LocalModel

    model = LocalModel(llama_folder, device="cpu")
    spans = ["The lamp is blue.", "A kind dog finds its way home."]
    question, answer = "What is blue? ", "the blue lamp, and the red stone"
    asked = [(user(f"{span}\n{question}"), user(question), answer) for span in spans]
    wanted = [direct(model, with_, answer) - direct(model, without, answer) for with_, without, _ in asked]
    assert cxmi(model, asked) == pytest.approx(wanted, abs=1e-4)
    assert abs(wanted[0] - wanted[1]) > 1e-3


def direct(model, chat, answer: str) -> float:
    """log P(answer | chat), token by token, each from a forward pass of its own in float64."""
    prompt = model.tokenizer.apply_chat_template(list(map(vars_of, chat)), add_generation_prompt=True)
    ids = list(prompt["input_ids"])
    net = type(model.hf).from_pretrained(model.name).double()
    total = 0.0
    for token in model.tokenizer(answer, add_special_tokens=False)["input_ids"]:
        with torch.no_grad():
            logits_V = net(torch.tensor([ids])).logits[0, -1]
        total += float(torch.log_softmax(logits_V, 0)[token])
        ids.append(token)
    return total


def vars_of(message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def test_long_answers_do_not_underflow(llama_folder: str) -> None:
    from hansei.models.local import LocalModel

    model = LocalModel(llama_folder, device="cpu")
    answer = "a red stone and a green stone " * 18
    (value,) = cxmi(model, [(user("The lamp is blue."), user("x"), answer)])
    assert value is not None and abs(value) < 1e6
    assert sum(model.logprobs([(user("x"), answer)])[0]) < -750  # exp of that is 0 in float64
    assert cxmi(model, [(user("word " * 600), user("x"), "y")]) == [None]


def test_what_is_kept_by_each_measure() -> None:
    assert chosen([1.0, 0.0, 1.0, 1.0], "strinc", 1, 0.0) == [0, 2, 3]
    assert chosen([0.2, 0.5, 0.5, None], "lexical", 2, 0.0) == [1, 2]
    assert chosen([-1.0, 0.0, 0.3], "cxmi", 2, 0.0) == [2]
    assert chosen([0.0, 0.0], "lexical", 1, 0.0) == []


def test_sentences_hold_every_word_of_the_text() -> None:
    text = 'Dr. Field lives in Garth. She said "No." Then, at 5 p.m. she left!  Why? 東京。大阪。 the end'
    found = sentences(text)
    assert found == [
        "Dr. Field lives in Garth.",
        'She said "No."',
        "Then, at 5 p.m. she left!",
        "Why?",
        "東京。",
        "大阪。",
        "the end",
    ]
    assert sentences("") == [] and sentences(" \n ") == [] and sentences("x" * 10**6) == ["x" * 10**6]
