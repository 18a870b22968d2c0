"""A chat model that examines what is quoted to it: it is told to obey nothing in the quotation, and asked one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Chat, Message, Prompt, Sampling
from hansei.models.protocol import Model
from hansei.models.text import split_reasoning
from hansei.steps.ask import AnsweringMethod, ask

SAMPLING = Sampling(max_new_tokens=1024)
"""Greedy, with room for a paragraph or for all claims of a long answer."""


@dataclass(frozen=True)
class Examiner:
    """What the model is told, whatever it is asked."""

    name: str
    """The method that it works for; stands in every attempt."""
    version: str
    """Changes with what it is told and asked; part of the content key."""
    system: str
    """What the model is told before a quotation."""

    def ask(self, model: Model, shown: Sequence[str], task: str, step: str, journal: Journal) -> list[str | None]:
        """What the model replies to each quotation and the task; None where no whole reply came.

        Equal quotations are asked about once. `step` names the task in attempts and on the bar.
        """

        def chat(prompt: Prompt) -> Chat:
            return (Message("system", self.system), Message("user", f"{prompt.messages[0].content}\n\n{task}"))

        ids = [content_key(step, text)[:24] for text in shown]
        prompts = {id: Prompt(id, (Message("user", text),)) for id, text in zip(ids, shown, strict=True)}
        put = AnsweringMethod(f"{self.name} {step}", self.version, chat)
        attempts = ask(model, list(prompts.values()), SAMPLING, journal, method=put, label=step)
        replies = {
            a.prompt_id: split_reasoning(a.text)[1].strip() if a.error is None and a.finish == "stop" else None
            for a in attempts
        }
        return [replies[id] for id in ids]


def last_line(reply: str | None) -> str:
    """The line that a verdict is taken from; empty where there is no reply."""
    lines = (reply or "").strip().splitlines()
    return lines[-1].strip() if lines else ""
