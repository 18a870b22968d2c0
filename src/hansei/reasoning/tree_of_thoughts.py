"""A small tree-of-thought search, the costly baseline of thought templates (Yao et al., arXiv 2305.10601).

Breadth first: from each of the best `width` partial solutions the model proposes `proposals` next steps, judges each
new one `judgements` times (sure, likely, impossible), and the best `width` go on. The answer is that of the best
complete solution. A partial solution is worth the mean of its steps' worths, so that one doubtful step counts.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Prompt, Sampling, user
from hansei.models.protocol import Reply
from hansei.reasoning.answers import extract
from hansei.reasoning.wording import Wording, wording
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod

VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the search."""

    width: int = 3
    """Partial solutions that go on (b)."""
    proposals: int = 3
    """Next steps that are drawn for each (k)."""
    judgements: int = 1
    """Times that each is judged."""
    depth: int = 8
    """Most steps, the answer's included."""
    temperature: float = 0.7
    """Temperature of proposals, and of judgements where there are several."""
    wording: Literal["plain", "school"] = "plain"
    """What the model is asked: plain, or school."""
    max_new_tokens: int = 64
    """Longest step, in tokens."""
    seed: int = 0
    """Seed of proposals and judgements."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no search."""
        if min(self.width, self.proposals, self.judgements, self.depth, self.max_new_tokens) < 1:
            raise BadInput(
                "tree-of-thoughts: width, proposals, judgements, depth, max_new_tokens of 1 or more expected"
            )
        if self.temperature <= 0 and (self.proposals > 1 or self.judgements > 1):
            raise BadInput("tree-of-thoughts: several draws at temperature 0 are one: set --temperature")


@dataclass(frozen=True, slots=True)
class _Node:
    """A partial solution."""

    steps: tuple[str, ...] = ()
    worths: tuple[float, ...] = ()

    @property
    def worth(self) -> float:
        return sum(self.worths) / len(self.worths) if self.worths else 0.0

    @property
    def answer(self) -> str | None:
        return extract(self.steps[-1]) if self.steps and "answer" in self.steps[-1].lower() else None


Nodes = Generator[Ask | Did, list[Reply], list[_Node]]
Judging = Generator[Ask | Did, list[Reply], None]


def method(settings: Settings) -> ThinkingMethod:
    """The search as an answering method."""
    return ThinkingMethod("tree-of-thoughts", VERSION, functools.partial(_think, settings), asdict(settings))


def _think(settings: Settings, prompt: Prompt) -> Thinking:
    words, question = wording(settings.wording), prompt.messages[-1].content
    beam, complete = [_Node()], list[_Node]()
    for depth in range(settings.depth):
        children = yield from _proposed(words, settings, question, beam, depth)
        yield from _judge(words, settings, question, children, depth)
        children.sort(key=lambda node: -node.worth)  # stable: of equals the first proposed
        best = children[: settings.width]
        complete += [node for node in best if node.answer is not None]
        beam = [node for node in best if node.answer is None]
        if not beam or len(complete) >= settings.width:
            break
    found = max(complete, key=lambda node: node.worth, default=None)
    return (found.answer or "") if found else ""


def _proposed(words: Wording, settings: Settings, question: str, beam: Sequence[_Node], depth: int) -> Nodes:
    """New nodes below those of the beam, each once."""
    sampling = Sampling(
        temperature=settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed + 1000 * depth
    )
    chats = [_chat(words.propose, question, node.steps) for node in beam for _ in range(settings.proposals)]
    seeds = Ask.samples(chats[0], settings.proposals, sampling, "").seeds or ()
    replies = yield Ask(tuple(chats), sampling, f"propose step {depth + 1}", seeds * len(beam))
    children: dict[tuple[str, ...], _Node] = {}
    for n, reply in enumerate(replies):
        node, step = beam[n // settings.proposals], reply.text.strip().partition("\n")[0].strip()
        if step:
            children.setdefault((*node.steps, step), _Node((*node.steps, step), node.worths))
    return list(children.values())


def _judge(words: Wording, settings: Settings, question: str, nodes: list[_Node], depth: int) -> Judging:
    """Sets the worth of each node's last step. One that only says the answer is not judged: it adds no thought."""
    steps = [n for n, node in enumerate(nodes) if node.answer is None]
    chats = [
        _chat(words.judge, question, nodes[n].steps[:-1], nodes[n].steps[-1])
        for n in steps
        for _ in range(settings.judgements)
    ]
    if not chats:
        return
    temperature = settings.temperature if settings.judgements > 1 else 0.0
    sampling = Sampling(temperature=temperature, max_new_tokens=8, seed=settings.seed + 1000 * depth + 500)
    seeds = Ask.samples(chats[0], settings.judgements, sampling, "").seeds or ()
    replies = yield Ask(tuple(chats), sampling, f"judge step {depth + 1}", seeds * len(steps))
    for place, n in enumerate(steps):
        said = replies[place * settings.judgements : (place + 1) * settings.judgements]
        worth = sum(_worth(words, reply.text) for reply in said) / settings.judgements
        nodes[n] = _Node(nodes[n].steps, (*nodes[n].worths, worth))


def _worth(words: Wording, judgement: str) -> float:
    """By the first word that is a judgement; 0 where there is none, as nothing then speaks for the step."""
    said = judgement.lower()
    places = {said.find(word): worth for word, worth in words.values.items() if word in said}
    return places[min(places)] if places else 0.0


def _chat(request: str, question: str, steps: Sequence[str], step: str = "") -> Chat:
    """A request with its places filled, without the space that an empty one leaves at a line's end."""
    said = request.format(question=question, steps=" ".join(steps), step=step)
    return user(said if steps else said.replace(": \n", ":\n"))
