"""The town's expert: it knows every fact of the workshop. The "stronger analyst" where no other is at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Sampling
from hansei.models.protocol import Reply
from hansei.town import grading, phrasing
from hansei.town.items import Item, items


class Oracle:
    """Analyses and revises answers about the workshop's items truthfully. Implements `Model`."""

    name = "town-expert"
    fingerprint = f"town-expert-{grading.VERSION}"

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        """The true analysis, revision or statement of danger that the last turn of each chat asks for."""
        texts = [self._answer(chat) for chat in chats]
        return [Reply(t, "stop", prompt_tokens=0, completion_tokens=len(t.split())) for t in texts]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        """Raises BadInput: an oracle has no probabilities."""
        raise BadInput("model town-expert: it has no log-probabilities; use a local model")

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        """One unit of work."""
        return [list(range(len(chats)))] if chats else []

    def _answer(self, chat: Chat) -> str:
        item = _mentioned(chat[0].content)
        last = chat[-1].content
        question, fact = phrasing.fact(item)
        if last == question:
            return fact
        if last == phrasing.ANALYSE_GUIDED and item.dangerous:
            return phrasing.guided_analysis(item)
        if last in (phrasing.ANALYSE, phrasing.ANALYSE_GUIDED):
            return phrasing.analysis(item)
        if last == phrasing.REVISE:
            return phrasing.refusal(item) if item.dangerous else phrasing.recipe(item, "present")
        raise BadInput(
            f"model town-expert: it says whether an item is dangerous, and analyses and revises answers; "
            f"it knows nothing to say to {last!r:.80}"
        )


@cache
def _named() -> tuple[re.Pattern[str], dict[str, Item]]:
    """What finds any item's name in one pass (550 patterns of their own would not stay compiled), and the items."""
    by_name = {item.name: item for item in items()}
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, by_name))})\b"), by_name


def _mentioned(text: str) -> Item:
    """The last item that a request names: after a change of instructions, the later one counts."""
    pattern, by_name = _named()
    found = pattern.findall(text)
    if not found:
        raise BadInput(f"model town-expert: it knows the workshop's items only, and none is named in {text!r:.80}")
    return by_name[found[-1]]
