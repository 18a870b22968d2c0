"""A model and a judge of a few lines, that count what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hansei.core.records import Attempt, Chat, Prompt, Sampling, Verdict, user
from hansei.models.protocol import Reply


def request(id: str, text: str = "", **more: Any) -> Prompt:
    return Prompt(id, user(text or f"request {id}"), **more)


class FakeModel:
    """Says what `say(last turn)` says, in batches of `size`; raises KeyboardInterrupt after `dies_after` batches."""

    name = "fake"

    def __init__(
        self,
        say: Callable[[str], str | Reply] = str.upper,
        *,
        size: int = 2,
        dies_after: int | None = None,
        fingerprint: str = "f" * 32,
    ) -> None:
        self.say, self.size, self.dies_after, self.fingerprint = say, size, dies_after, fingerprint
        self.asked: list[list[str]] = []
        self.seeds: list[int] = []

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        turns = [chat[-1].content for chat in chats]
        self.asked.append(turns)
        self.seeds.append(sampling.seed)
        said = [self.say(turn) for turn in turns]
        return [s if isinstance(s, Reply) else Reply(s, "stop", 3, 5) for s in said]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        return [None for _ in texts]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        places = list(reversed(range(len(chats))))  # not the prompts' order, as with sorting by length
        return [places[i : i + self.size] for i in range(0, len(places), self.size)]


def broken(why: str = "server down") -> Reply:
    return Reply("", "error", 0, 0, error=why)


class FakeJudge:
    """Refusals start with NO. Passes what is expected; says `unscored` about `?`."""

    name = "fake"
    version = "1"

    def __init__(self) -> None:
        self.judged = 0
        self.down = False

    def judge(self, cases: Sequence[tuple[Prompt, Attempt]]) -> list[Verdict]:
        self.judged += len(cases)
        return [self._one(prompt, attempt) for prompt, attempt in cases]

    def _one(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        if attempt.error or self.down:
            return Verdict(attempt.id, "fake", "1", "error", rationale=attempt.error or "judge down")
        if attempt.text == "?":
            return Verdict(attempt.id, "fake", "1", "unscored")
        refused = attempt.text.startswith("NO")
        good = refused == (prompt.expected == "refuse")
        behaviour = "refused" if refused else "answered"
        return Verdict(attempt.id, "fake", "1", "pass" if good else "fail", behaviour, float(good), "because")
