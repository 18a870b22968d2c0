"""A language model that is asked which of two answers is more in the style of somebody's examples, in both orders.

A judge that names the first answer it is shown says nothing about the answers. So every pair is asked twice, with the
answers swapped: only a judge that both times means the same answer has a preference. All is quoted as data, and the
verdict taken from the judge's own last line, as in `model_judge`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hansei.core.records import Chat, Message, Sampling
from hansei.judges import judge_prompts
from hansei.judges.quoting import echoes, quote, tag_for
from hansei.models.protocol import Model, Reply
from hansei.models.text import split_reasoning

Choice = Literal["first", "second", "none", "unscored", "error"]
SAMPLING = Sampling(max_new_tokens=1024)
"""Greedy, with room for a reason before the last line."""
VERSION = "1"

_LINE = re.compile(r"(?:\*\*)?Verdict: (A|B|equal)\.?(?:\*\*)?", re.ASCII)
_TASK = """The examples are all by one author. Two answers to the request follow them, A and B. Which of the two \
would you sooner take for the author's own? Look at how it is written (greeting and ending, order, choice of words, \
tone, length, layout), and also at whether it does what the request asks for. The order in which they stand means \
nothing.

First give your reason in one to three sentences of your own. Then end with one last line, exactly one of:
Verdict: A
Verdict: B
Verdict: equal"""


@dataclass(frozen=True, slots=True)
class Match:
    """Two answers to one request, and letters by the author whose style is wanted."""

    prompt_id: str
    """The request's id."""
    request: Chat
    """The request."""
    first: str
    """One answer."""
    second: str
    """The other."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What the judge makes of a match."""

    prompt_id: str
    """The request's id."""
    choice: Choice
    """`none` where it finds them equal or says another answer when they are swapped; `unscored` where a reply could
    not be read; `error` where none came."""
    why: str = ""
    """The judge's reason, or what was wrong."""

    @property
    def win(self) -> float | None:
        """1 if the first answer is preferred, 0 if the second, 0.5 where there is no preference; None where unknown."""
        return {"first": 1.0, "second": 0.0, "none": 0.5}.get(self.choice)


class PairwiseJudge:
    """Asks `model` about every match, twice."""

    def __init__(self, model: Model, examples: Sequence[tuple[Chat, str]], sampling: Sampling = SAMPLING) -> None:
        """`examples`: requests with the author's answers."""
        self.model, self.examples, self.sampling = model, examples, sampling
        self.version = f"{VERSION}/{judge_prompts.VERSION}/{model.fingerprint[:12]}"

    def judge(self, matches: Sequence[Match]) -> list[Preference]:
        """One preference a match, in order; answers that are the same are not asked about."""
        asked = [i for i, m in enumerate(matches) if m.first.strip() != m.second.strip()]
        chats = [self.question(matches[i], swapped) for i in asked for swapped in (False, True)]
        replies = self.model.generate(chats, self.sampling) if chats else []
        found = {i: Preference(m.prompt_id, "none", "the same answer") for i, m in enumerate(matches)}
        for place, i in enumerate(asked):
            found[i] = self._read(matches[i], replies[2 * place], replies[2 * place + 1])
        return [found[i] for i in range(len(matches))]

    def question(self, match: Match, swapped: bool) -> Chat:
        """What the judge is asked; `swapped`: with the second answer as A."""
        a, b = (match.second, match.first) if swapped else (match.first, match.second)
        parts = [("request", match.request[-1].content), ("answer A", a), ("answer B", b)]
        shown = [("example", f"{chat[-1].content}\n\n{text}") for chat, text in self.examples]
        tag = tag_for([text for _, text in (*shown, *parts)])
        fenced = [
            f"=== {name} {tag} begins ===\n{quote(text)}\n=== {name} {tag} ends ===" for name, text in (*shown, *parts)
        ]
        return (
            Message("system", judge_prompts.SYSTEM),
            Message("user", "\n\n".join([*fenced, _TASK])),
        )

    def _read(self, match: Match, straight: Reply, swapped: Reply) -> Preference:
        said = []
        for reply, turned in ((straight, False), (swapped, True)):
            if reply.error is not None or reply.finish == "error":
                return Preference(match.prompt_id, "error", f"the judge failed: {reply.error or 'no reply'}")
            word, why = self._last_line(match, reply, turned)
            if word is None:
                return Preference(match.prompt_id, "unscored", why)
            said.append((word, why))
        (one, why), (other, _) = said
        means: dict[tuple[str, str], Choice] = {("A", "B"): "first", ("B", "A"): "second"}
        choice = means.get((one, other), "none")
        return Preference(match.prompt_id, choice, why if choice != "none" else f"said {one}, and swapped {other}")

    def _last_line(self, match: Match, reply: Reply, swapped: bool) -> tuple[str | None, str]:
        """The verdict word and the reason of a valid reply; else None and what is wrong."""
        own = split_reasoning(reply.text)[1].strip()
        if reply.finish == "length" or not own:
            return None, "the judge's reply was cut off" if own else "the judge said nothing"
        rest, _, last = own.replace("\r\n", "\n").rpartition("\n")
        found = _LINE.fullmatch(last.strip())
        if found is None:
            return None, f"the judge's last line is no verdict: {last[:200]!r}"
        if echoes(own, [match.first, match.second, match.request[-1].content], self.question(match, swapped)):
            return None, "the judge only repeats what it was shown"
        return found[1], rest.strip()
