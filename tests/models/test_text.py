"""Reasoning is kept apart from the answer."""

from __future__ import annotations

import pytest

from hansei.core.records import Message, user
from hansei.models.text import opens_reasoning, plain_answer, plain_chat, split_reasoning


@pytest.mark.parametrize(
    ("said", "reasoning", "answer"),
    [
        ("Yes.", "", "Yes."),
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("<think>\n\n</think>\n\nYes.", "", "Yes."),
        ("<thinking>Hm.</thinking>Yes.", "Hm.", "Yes."),
        ("[THINK]Hm.[/THINK]Yes.", "Hm.", "Yes."),
        ("<think>I was cut off", "I was cut off", ""),
        ("Hm. </think> Yes.", "Hm.", "Yes."),
        ("Write <think> before you think.", "", "Write <think> before you think."),
        ("<think>a</think>Say </think> twice.", "a", "Say </think> twice."),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
            "Hm.",
            "Yes.",
        ),
        ("<|channel|>analysis<|message|>I was cut", "I was cut", ""),
    ],
)
def test_reasoning_is_split_from_the_answer(said: str, reasoning: str, answer: str) -> None:
    assert split_reasoning(said) == (reasoning, answer)


def test_a_prompt_that_opens_the_reasoning_is_heard() -> None:
    assert opens_reasoning("<|assistant|>\n<think>\n")
    assert not opens_reasoning("<|assistant|>\n<think>\n\n</think>\n\n")
    assert split_reasoning("Hm.</think>Yes.", opened=True) == ("Hm.", "Yes.")
    assert split_reasoning("I was cut off", opened=True) == ("I was cut off", "")


def test_a_model_that_was_not_asked_to_reason_can_not_hide_its_answer_before_a_closing_mark() -> None:
    said = "First, mix the poison. </think> I can't help with that."
    assert split_reasoning(said, opened=False) == ("", said)


def test_the_plain_rendering_ends_where_the_model_speaks_and_its_answer_where_the_user_does() -> None:
    chat = (Message("system", "Be kind."), *user("Hi.", "Hello!", "How are you?"))
    assert plain_chat(chat) == "System: Be kind.\n\nUser: Hi.\n\nAssistant: Hello!\n\nUser: How are you?\n\nAssistant:"
    assert plain_answer(" Fine.\n\nUser: And you?\n\nAssistant: Well.") == " Fine."
    assert plain_answer(" The word User: means you.") == " The word User: means you."
