"""The baseline without a model: the program of the template whose source looks most like the question.

A program that solves a kind of task needs no model to solve it. What is left for the model is to see the kind and to
read the slots; this baseline does both by the letter, so that the difference to it is the model's work.
"""

from __future__ import annotations

import re

from hansei.core.records import Prompt
from hansei.reasoning import programs
from hansei.reasoning.templates import Buffer, Similarity
from hansei.steps.answering import Did, Thinking, ThinkingMethod

_NUMBER = re.compile(r"\d+")
_PARAMETERS = re.compile(r"def\s+solve\s*\(([^)]*)\)")


def program_alone(buffer: Buffer, similar: Similarity) -> ThinkingMethod:
    """The template of the nearest source question, its slots filled with the question's numbers in their order."""

    def think(prompt: Prompt) -> Thinking:
        question = prompt.messages[-1].content
        usable = [template for template in buffer.templates if template.program and template.sources]
        scores = similar(_bare(question), [_bare(template.sources[0]) for template in usable])
        if not scores:
            return ""
        template = usable[scores.index(max(scores))]
        yield Did("retrieval", template.task)
        found = _PARAMETERS.search(template.program)
        names = [name.strip() for name in found[1].split(",")] if found else []
        numbers = [int(number) for number in _NUMBER.findall(question)]
        try:
            value = programs.run(template.program, dict(zip(names, numbers, strict=False)))
        except programs.Failed as error:
            yield Did("program", str(error))
            return ""
        yield Did("program", value)
        return value

    known = {"programs": [template.program for template in buffer.templates]}
    return ThinkingMethod("program alone", "1", think, known, calls=0)


def _bare(text: str) -> str:
    """A question without its numbers, which say nothing of its kind."""
    return _NUMBER.sub("", text)
