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
from hansei.reasoning.problems import without_solution
from hansei.reasoning.wording import Wording, wording
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod

VERSION = "2"


@dataclass(frozen=True, slots=True)
class Search:
    """How a search is done."""

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
    longest_step: int = 64
    """Longest step, in tokens."""
    seed: int = 0
    """Seed of proposals and judgements."""


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer tree-of-thoughts`."""

    judge: str = "number"
    """Who judges: number (compared as numbers), exact-match, reference, rules, or a model's name."""
    temperature: float = 0.7
    """Temperature of proposals, and of judgements where there are several."""
    max_new_tokens: int = 64
    """Longest step, in tokens."""
    width: int = 5
    """Partial solutions that go on."""
    proposals: int = 5
    """Next steps that are drawn for each."""
    judgements: int = 3
    """Times that each step is judged."""
    depth: int = 8
    """Most steps, the answer's included."""
    wording: Literal["plain", "school"] = "plain"
    """What the model is asked: `school` is what the town's school has taught its base."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no search."""
        super().__post_init__()
        if min(self.width, self.proposals, self.judgements, self.depth) < 1:
            raise BadInput("tree-of-thoughts: width, proposals, judgements and depth of 1 or more were expected")
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


def make(settings: Settings) -> ThinkingMethod:
    """The search as an answering method."""
    search = Search(
        width=settings.width,
        proposals=settings.proposals,
        judgements=settings.judgements,
        depth=settings.depth,
        temperature=settings.temperature,
        longest_step=settings.max_new_tokens,
        seed=settings.seed,
    )
    return of(search, wording(settings.wording))


def prepare(prompts: Sequence[Prompt], _: Settings) -> list[Prompt]:
    """The questions of a file with the answer alone as their reference (GSM8K's rows hold the solution, too)."""
    return [without_solution(prompt) for prompt in prompts]


def of(search: Search, words: Wording) -> ThinkingMethod:
    """The search with these numbers and requests."""
    most = search.width * search.proposals * (1 + search.judgements) * search.depth
    known = {"search": asdict(search), "wording": asdict(words)}
    return ThinkingMethod("tree-of-thoughts", VERSION, functools.partial(_think, words, search), known, calls=most)


def _think(words: Wording, search: Search, prompt: Prompt) -> Thinking:
    question = prompt.messages[-1].content
    beam, complete = [_Node()], list[_Node]()
    for depth in range(search.depth):
        children = yield from _proposed(words, search, question, beam, depth)
        yield from _judge(words, search, question, children, depth)
        children.sort(key=lambda node: -node.worth)  # stable: of equals the first proposed
        best = children[: search.width]
        complete += [node for node in best if node.answer is not None]
        beam = [node for node in best if node.answer is None]
        if not beam or len(complete) >= search.width:
            break
    found = max(complete, key=lambda node: node.worth, default=None)
    return (found.answer or "") if found else ""


def _proposed(words: Wording, search: Search, question: str, beam: Sequence[_Node], depth: int) -> Nodes:
    """New nodes below those of the beam, each once."""
    sampling = Sampling(
        temperature=search.temperature, max_new_tokens=search.longest_step, seed=search.seed + 1000 * depth
    )
    chats = [_chat(words.propose, question, node.steps) for node in beam for _ in range(search.proposals)]
    seeds = Ask.samples(chats[0], search.proposals, sampling, "").seeds or ()
    replies = yield Ask(tuple(chats), sampling, f"propose step {depth + 1}", seeds * len(beam))
    children: dict[tuple[str, ...], _Node] = {}
    for n, reply in enumerate(replies):
        node, step = beam[n // search.proposals], reply.text.strip().partition("\n")[0].strip()
        if step:
            children.setdefault((*node.steps, step), _Node((*node.steps, step), node.worths))
    return list(children.values())


def _judge(words: Wording, search: Search, question: str, nodes: list[_Node], depth: int) -> Judging:
    """Sets the worth of each node's last step. One that only says the answer is not judged: it adds no thought."""
    steps = [n for n, node in enumerate(nodes) if node.answer is None]
    chats = [
        _chat(words.judge, question, nodes[n].steps[:-1], nodes[n].steps[-1])
        for n in steps
        for _ in range(search.judgements)
    ]
    if not chats:
        return
    temperature = search.temperature if search.judgements > 1 else 0.0
    sampling = Sampling(temperature=temperature, max_new_tokens=words.judgement, seed=search.seed + 1000 * depth + 500)
    seeds = Ask.samples(chats[0], search.judgements, sampling, "").seeds or ()
    replies = yield Ask(tuple(chats), sampling, f"judge step {depth + 1}", seeds * len(steps))
    for place, n in enumerate(steps):
        said = replies[place * search.judgements : (place + 1) * search.judgements]
        worth = sum(_worth(words, reply.text) for reply in said) / search.judgements
        nodes[n] = _Node(nodes[n].steps, (*nodes[n].worths, worth))


def _worth(words: Wording, judgement: str) -> float:
    """By the first word that is a judgement; 0 where there is none, as nothing then speaks for the step."""
    said = judgement.lower()
    places = {said.find(word): worth for word, worth in words.values.items() if word in said}
    return places[min(places)] if places else 0.0


def _chat(request: str, question: str, steps: Sequence[str], step: str = "") -> Chat:
    """A request with its places filled."""
    return user(request.format(question=question, steps="".join(f" {s}" for s in steps), step=step))
