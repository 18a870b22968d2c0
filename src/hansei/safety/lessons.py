"""The lesson every method here writes: a prompt and a completion, or a pair."""

from __future__ import annotations

from collections.abc import Iterable

from hansei.core.keys import content_key
from hansei.core.records import Chat, Lesson, Message
from hansei.steps.material import Case, Keep


def prefixed(chat: Chat, sentence: str) -> Chat:
    """The conversation with a sentence set before its last user turn."""
    *before, last = chat
    return (*before, Message(last.role, f"{sentence} {last.content}"))


def answer(chat: Chat, text: str, *, prompt_id: str, purpose: str, mistakes: tuple[str, ...] = ()) -> Lesson:
    """An SFT lesson: say `text` after `chat`."""
    key = content_key("lesson", chat, text, purpose)
    return Lesson(key, chat, completion=text, mistakes=mistakes, prompt_id=prompt_id, purpose=purpose)


def good_answer(case: Case) -> Lesson:
    """The good answer to the prompt that was answered badly."""
    return answer(
        case.prompt.messages,
        case.good,
        prompt_id=case.prompt.id,
        purpose="answer",
        mistakes=(case.mistake.id,),
    )


def kept(keep: Iterable[Keep]) -> list[Lesson]:
    """Lessons from benign prompts, so that the student stays helpful."""
    return [answer(k.chat, k.good, prompt_id=k.prompt_id, purpose="keep") for k in keep]


def preference(case: Case) -> Lesson:
    """The good answer chosen over the mistake."""
    key = content_key("pair", case.prompt.messages, case.good, case.mistake.text)
    return Lesson(
        key,
        case.prompt.messages,
        chosen=case.good,
        rejected=case.mistake.text,
        mistakes=(case.mistake.id,),
        prompt_id=case.prompt.id,
        purpose="preference",
    )
