"""Answering in several steps: a method thinks about one question, and many questions are answered in batches.

A method is a generator. It yields what to ask the model (`Ask`) or what it did by itself (`Did`), is sent the
model's replies, and returns its answer:

    def think(prompt: Prompt) -> Thinking:
        (notes,) = yield Ask((user(f"Take notes on: {prompt.messages[-1].content}"),), sampling, "notes")
        (reply,) = yield Ask((user(f"Answer from your notes: {notes.text}"),), sampling, "answer")
        return reply.text

`answer` runs the generators of a chunk of questions in lockstep, so that all that they ask in one round goes to the
model together. Every exchange stands in the attempt's `trace`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.progress import progress
from hansei.core.records import Attempt, Chat, Exchange, Finish, Prompt, Sampling, as_dicts
from hansei.models.protocol import Model, Reply
from hansei.steps.ask import attempt_seed
from hansei.steps.units import finish

CHUNK = 64
"""Questions that are answered together: what a killed run does again at most."""


@dataclass(frozen=True)
class Ask:
    """Conversations for the model; the replies are sent back in their order."""

    chats: tuple[Chat, ...]
    """One or many conversations."""
    sampling: Sampling
    """How the replies are drawn."""
    label: str
    """What it is for, in the trace."""
    seeds: tuple[int, ...] | None = None
    """A seed for each conversation in place of the sampling's: the same one twice with one seed is one draw."""
    who: str = ""
    """Which of the method's other models is asked; empty: the one that the answer is of."""

    @classmethod
    def samples(cls, chat: Chat, count: int, sampling: Sampling, label: str) -> Ask:
        """`count` draws of the reply to one conversation."""
        return cls((chat,) * count, sampling, label, tuple(attempt_seed(sampling.seed, k) for k in range(count)))


@dataclass(frozen=True)
class Did:
    """A step without the model, for the trace; nothing is sent back (an empty list)."""

    label: str
    """What was done: `program`, `retrieval`, `filter` …"""
    text: str
    """What came of it."""


Thinking = Generator[Ask | Did, list[Reply], str]
"""Yields steps, is sent the replies to each, and returns the answer.

It never sees a reply with an error: that ends its question with the error, and the next run asks it again. It raises
BadInput where the question itself can't be worked with, which ends that question alone, too.
"""


@dataclass(frozen=True)
class ThinkingMethod:
    """A way to answer a question in steps."""

    name: str
    """Stands in every attempt."""
    version: str
    """Changes with what `think` does; part of the content key."""
    think: Callable[[Prompt], Thinking]
    """From a question to its steps and its answer."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """All else that the answers depend on, as JSON values; part of the content key."""
    calls: int = 1
    """How often a question asks the model, at most: what a dry run reckons with."""
    models: Mapping[str, Model] = field(default_factory=dict)
    """Other models that it asks, by the name that `Ask.who` has."""


def answer(
    model: Model,
    prompts: Sequence[Prompt],
    method: ThinkingMethod,
    journal: Journal,
    *,
    chunk: int = CHUNK,
    label: str = "answer",
) -> list[Attempt]:
    """One attempt a prompt, in the prompts' order.

    The unit of work is a chunk of prompts, answered in lockstep and committed whole. An attempt with an error is
    asked again by the next run. An attempt's tokens are the sums over its trace; it is cut off (`length`) where all
    replies of its last step were.
    """
    if len({p.id for p in prompts}) < len(prompts):
        raise ValueError("two prompts have the same id")
    made: list[Attempt] = []
    for start in progress(range(0, len(prompts), chunk), label):
        made += _chunk(model, prompts[start : start + chunk], method, journal)
    return made


def _chunk(model: Model, prompts: Sequence[Prompt], method: ThinkingMethod, journal: Journal) -> list[Attempt]:
    others = {name: other.fingerprint for name, other in method.models.items()}
    how = (method.name, method.version, dict(method.settings), others)
    key = content_key("answers", model.fingerprint, how, [(p.id, p.messages, p.tags, p.truth) for p in prompts])

    def work(part: str, items: Sequence[int]) -> list[Attempt]:
        courses = [_Course(prompts[i], method.think(prompts[i])) for i in items]
        _run({"": model, **method.models}, courses)
        return [course.attempt(content_key(part, i), model, method) for i, course in zip(items, courses, strict=True)]

    return finish(journal, key, "attempt", Attempt, len(prompts), work, lambda _, attempt: attempt.error is not None)


def _run(models: Mapping[str, Model], courses: Sequence[_Course]) -> None:
    """Takes all courses to their ends, round by round."""
    for course in courses:
        course.start()
    while waiting := [course for course in courses if course.asks]:
        groups: dict[tuple[str, Sampling], list[tuple[_Course, int]]] = {}
        for course in waiting:
            for place, (_, sampling) in enumerate(course.asks):
                groups.setdefault((course.who, sampling), []).append((course, place))
        for (who, sampling), places in groups.items():
            model = models[who]
            chats = [course.asks[place][0] for course, place in places]
            start = time.perf_counter()
            replies = model.generate(chats, sampling)
            share = (time.perf_counter() - start) / len(chats)
            for (course, place), rendered, reply in zip(places, render(model, chats), replies, strict=True):
                course.hear(place, rendered, reply, share, model.fingerprint if who else "")
        for course in waiting:
            course.go_on()


def render(model: Model, chats: Sequence[Chat]) -> list[str]:
    """The texts that the model reads; for a model that renders elsewhere (an endpoint) the messages as JSON."""
    own = getattr(model, "render", None)
    if own is None:
        return [json.dumps(as_dicts(chat), ensure_ascii=False) for chat in chats]
    return [rendered.text for rendered in own(chats)]


class _Course:
    """One question on its way to an answer."""

    def __init__(self, prompt: Prompt, thinking: Thinking) -> None:
        self.prompt = prompt
        self.thinking = thinking
        self.asks: list[tuple[Chat, Sampling]] = []
        """What it waits for; nothing where it is at its end."""
        self.trace: list[Exchange] = []
        self.text = ""
        self.error: str | None = None
        self.who = ""
        self._label = ""
        self._heard: dict[int, tuple[Exchange, Reply]] = {}
        self._sampling = Sampling()
        self._cut_off = False

    def start(self) -> None:
        """To its first question to the model, or to its end."""
        self._go(lambda: next(self.thinking))

    def hear(self, place: int, rendered: str, reply: Reply, seconds: float, other: str) -> None:
        """Keeps a reply until all have come."""
        chat, sampling = self.asks[place]
        exchange = Exchange(
            label=self._label,
            asked=chat,
            rendered=rendered,
            text=reply.text,
            sampling=sampling,
            finish=reply.finish,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            reasoning=reply.reasoning,
            seconds=round(seconds, 6),
            error=reply.error,
            model=other,
        )
        self._heard[place] = (exchange, reply)

    def go_on(self) -> None:
        """Hands over the replies, unless one is an error: then this is its end."""
        heard = [self._heard[place] for place in range(len(self.asks))]
        replies = [reply for _, reply in heard]
        self.trace += [exchange for exchange, _ in heard]
        self._cut_off = all(reply.finish == "length" for reply in replies)
        self.asks, self._heard = [], {}
        self.error = next((reply.error or "no answer came" for reply in replies if reply.finish == "error"), None)
        if self.error is None:
            self._go(lambda: self.thinking.send(replies))
        else:
            self.thinking.close()

    def _go(self, first: Callable[[], Ask | Did]) -> None:
        start = time.perf_counter()
        try:
            step = first()
            while isinstance(step, Did) or not step.chats:
                if isinstance(step, Did):
                    now = time.perf_counter()
                    self.trace.append(Exchange(step.label, (), "", step.text, seconds=round(now - start, 6)))
                    start = now
                step = self.thinking.send([])
        except StopIteration as end:
            self.text = end.value
        except BadInput as error:
            self.error = " ".join(str(error).split())
        else:
            seeds = step.seeds or (step.sampling.seed,) * len(step.chats)
            drawn = [replace(step.sampling, seed=seed) for seed in seeds]
            self.asks = list(zip(step.chats, drawn, strict=True))
            self._label, self._sampling, self.who = step.label, step.sampling, step.who

    def attempt(self, id: str, model: Model, method: ThinkingMethod) -> Attempt:
        """What came of it."""
        ending: Finish = "error" if self.error is not None else "length" if self._cut_off else "stop"
        return Attempt(
            id=id,
            prompt_id=self.prompt.id,
            model=model.fingerprint,
            method=method.name,
            sampling=self._sampling,
            number=0,
            asked=self.prompt.messages,
            text="" if self.error is not None else self.text,
            finish=ending,
            prompt_tokens=sum(step.prompt_tokens for step in self.trace),
            completion_tokens=sum(step.completion_tokens for step in self.trace),
            error=self.error,
            trace=tuple(self.trace),
        )
