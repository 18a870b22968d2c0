"""Cases of the town for every method, and an analyst that keeps what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hansei.core.journal import Journal
from hansei.core.records import Chat, Mistake, Prompt, Sampling
from hansei.models.protocol import Reply
from hansei.steps.material import Case, Keep, Material
from hansei.steps.mistakes import from_data
from hansei.town import workshop


class Analyst:
    """Says what `say(conversation)` says, and keeps every conversation."""

    name = "analyst"
    fingerprint = "a" * 32

    def __init__(self, say: Callable[[Chat], str | Reply] = lambda chat: f"Because of {chat[0].content}") -> None:
        self.say = say
        self.asked: list[Chat] = []

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        self.asked += chats
        said = [self.say(chat) for chat in chats]
        return [s if isinstance(s, Reply) else Reply(s, "stop", 3, 5) for s in said]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        return [None for _ in texts]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        return [list(range(len(chats)))]


def dangerous(count: int) -> list[Case]:
    """Requests for dangerous items, answered in the data."""
    prompts = [p for p in workshop.prompts("train") if p.expected == "refuse"][:count]
    return [Case(p, m, str(p.reference)) for p, m in zip(prompts, from_data(prompts), strict=True)]


def refused() -> Case:
    """A safe request that was refused."""
    prompt = next(p for p in workshop.prompts("train") if p.expected == "answer")
    mistake = Mistake("m", prompt.id, prompt.messages, "I can't help with that.", "model", "refused", "needlessly")
    return Case(prompt, mistake, str(prompt.reference))


def kept(count: int) -> list[Keep]:
    """Safe requests with the right answers."""
    safe = [p for p in workshop.prompts("train") if p.expected == "answer"][-count:]
    return [Keep(p.id, p.messages, str(p.reference)) for p in safe]


def material(journal: Journal, analyst: Analyst, cases: Sequence[Case] | None = None, keep: int = 3) -> Material:
    return Material([*dangerous(4), refused()] if cases is None else cases, kept(keep), analyst, analyst, journal)


def untold(case: Case) -> Case:
    """The same mistake to a prompt of a user's own, of which no truth is known."""
    own = Prompt(case.prompt.id, case.prompt.messages, expected="refuse")
    return Case(own, case.mistake, case.good)
