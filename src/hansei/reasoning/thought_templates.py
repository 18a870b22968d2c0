"""Buffer of Thoughts: templates of thoughts, distilled from solved problems and used again (arXiv 2406.04271).

    hansei answer thought-templates --model M --questions FILE --examples SOLVED --templates buffer.json

1. The problem distiller says what is known and what kind of task it is: x_d (section 3.1).
2. The template whose description is most similar to x_d is taken, if it is similar enough (equation 2, delta).
3. It is instantiated (equation 3): its program runs in the sandbox with the slots that the model reads out of the
   question; or, as text, the model follows its steps. A task without a template is solved by a coarse structure.
4. Templates come from solved problems (section 3.3), and the buffer manager lets in what is new (equation 4).

Deviations: templates are distilled from `--examples` before anything is answered, and the buffer stays as it is
meanwhile, so that no template ever comes from an evaluated question (the paper distils from the questions that it is
evaluated on, as it goes). A template with a program is let in only if it answers its own source rightly (`verify`).
The update rule is the paper's equation; the released code asks a model in its place. Prompts are in `wording.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.progress import progress
from hansei.core.records import Chat, Prompt, Sampling, user
from hansei.models.protocol import Model
from hansei.reasoning import programs
from hansei.reasoning.answers import extract
from hansei.reasoning.invalid import Solved, same_answer
from hansei.reasoning.problems import as_prompts, read_problems
from hansei.reasoning.similarity import similarity
from hansei.reasoning.templates import Buffer, Template, leaked, load, parse, parts
from hansei.reasoning.wording import COARSE, Wording, wording
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod, answer

VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of thought templates."""

    templates: str | None = None
    """The buffer: a JSON file that is read, or written where it is not there yet."""
    examples: str | None = None
    """File of solved problems that templates are distilled from; none may be among the questions."""
    most_examples: int = 100
    """How many of them, the first of the file."""
    instantiate: Literal["program", "text"] = "program"
    """How a template is used: its program with slots read by the model, or its steps followed by the model."""
    similarity: str = "words"
    """How descriptions are compared: by their `words`, or by the folder of a sentence-transformers model."""
    threshold: float = 0.6
    """delta: least similarity of a template that is used, and below which a new one is let in; the paper: 0.5 to 0.7."""
    verify: bool = True
    """Whether a template with a program must answer its own source rightly to be let in."""
    wording: Literal["plain", "school"] = "plain"
    """What the model is asked: `school` is what the town's school has taught its base."""
    max_new_tokens: int = 512
    """Longest reply, in tokens."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no method."""
        if not 0 < self.threshold <= 1 or self.most_examples < 1 or self.max_new_tokens < 1:
            raise BadInput(
                "thought-templates: a threshold above 0 and up to 1, most_examples and max_new_tokens of 1 or more "
                "were expected"
            )


def prepare(settings: Settings, model: Model, prompts: Sequence[Prompt], journal: Journal) -> ThinkingMethod:
    """The method with its buffer, which is distilled first where it is not there. Raises BadInput at a leak."""
    buffer = _buffer(settings, model, journal)
    check_apart(buffer.templates, prompts)
    return of(buffer, settings)


def _buffer(settings: Settings, model: Model, journal: Journal) -> Buffer:
    similar = similarity(settings.similarity)
    if settings.templates is not None and Path(settings.templates).exists():
        return load(settings.templates, similar, settings.threshold)
    if settings.examples is None:
        raise BadInput(
            "thought-templates: --templates FILE (a buffer), or --examples FILE (solved problems to distil one from) "
            "was expected"
        )
    examples = [solved for solved in read_problems(settings.examples) if solved.explanation]
    if not examples:
        raise BadInput(f"{settings.examples}: problems with explanations were expected, found none")
    buffer = Buffer(settings.threshold, similar)
    grow(buffer, examples[: settings.most_examples], model, settings, journal)
    if settings.templates is not None:
        buffer.save(settings.templates)
    return buffer


def check_apart(templates: Sequence[Template], prompts: Sequence[Prompt]) -> None:
    """Raises BadInput where a template was made from one of the questions."""
    both = leaked(templates, [prompt.messages[-1].content for prompt in prompts])
    if both:
        raise BadInput(
            f"thought-templates: {len(both)} of the questions are sources of templates, such as {both[0]!r:.80}: "
            "take templates from other problems"
        )


def of(buffer: Buffer, settings: Settings) -> ThinkingMethod:
    """The method with this buffer, which it does not change."""
    think = functools.partial(_think, buffer, settings)
    known = {**asdict(settings), "buffer": [asdict(template) for template in buffer.templates]}
    return ThinkingMethod("thought-templates", VERSION, think, known)


def _think(buffer: Buffer, settings: Settings, prompt: Prompt) -> Thinking:
    """Distil, retrieve, instantiate."""
    words, sampling = wording(settings.wording), Sampling(max_new_tokens=settings.max_new_tokens)
    question = prompt.messages[-1].content
    (distilled,) = yield Ask((_chat(words.distil, question=question),), sampling, "distil")
    found = parts(distilled.text)
    template, score = buffer.find(found.get("task", distilled.text))
    yield Did("retrieval", f"{score:.2f} {template.task if template else 'no template is similar enough'}")
    if template is None:
        return (yield from _coarse(words, found.get("category", ""), question, sampling))
    if settings.instantiate == "text" or not template.program:
        (reply,) = yield Ask((_of_template(words.follow, template, question),), sampling, "follow")
        return extract(reply.text) or ""
    return (yield from _by_program(words, template, question, distilled.text, sampling))


def _by_program(words: Wording, template: Template, question: str, distilled: str, sampling: Sampling) -> Thinking:
    """Slots from the model, the rest from the program. A program that fails is followed as text."""
    (slots,) = yield Ask((_of_template(words.fill, template, question, distilled),), sampling, "fill")
    try:
        value = programs.run(template.program, programs.filled(parts(slots.text).get("slots", slots.text)))
    except programs.Failed as error:
        yield Did("program", str(error))
        (reply,) = yield Ask((_of_template(words.follow, template, question),), sampling, "follow")
        return extract(reply.text) or ""
    yield Did("program", value)
    return value


def _coarse(words: Wording, category: str, question: str, sampling: Sampling) -> Thinking:
    """A task without a template, by the coarse structure of its category."""
    request = words.coarse.get(COARSE.get(category, "program"), words.solve)
    (reply,) = yield Ask((_chat(request, question=question),), sampling, "coarse structure")
    return extract(reply.text) or ""


def _chat(request: str, **values: str) -> Chat:
    """A request with its places filled; braces in what is filled in stay as they are."""
    return user(request.format(**values))


def _of_template(request: str, template: Template, question: str, distilled: str = "") -> Chat:
    return _chat(
        request,
        task=template.task,
        slots=template.slots,
        steps=template.steps,
        question=question,
        distilled=distilled,
    )


def grow(
    buffer: Buffer, examples: Sequence[Solved], model: Model, settings: Settings, journal: Journal
) -> list[Template | None]:
    """Distils a template from each solved problem and has the manager decide on it, in their order.

    Replies are made (and kept in the journal) first, and the decisions after them. Returns what was distilled; None
    where the reply was no template.
    """
    words = wording(settings.wording)
    prompts = as_prompts(examples, "train")
    by_id = {prompt.id: solved for prompt, solved in zip(prompts, examples, strict=True)}
    distiller = ThinkingMethod(
        "distil template",
        VERSION,
        functools.partial(_distil, words, settings, by_id),
        {"settings": asdict(settings), "explanations": [s.explanation for s in examples]},
    )
    attempts = answer(model, prompts, distiller, journal, label="distil templates")
    made = []
    for solved, attempt in progress(list(zip(examples, attempts, strict=True)), "manage buffer"):
        template = None if attempt.error else parse(attempt.text, [solved.question], model.fingerprint)
        made.append(template)
        if template is None:
            buffer.declined.append({"reason": attempt.error or "no template", "reply": attempt.text[:2000]})
            continue
        tried = next((step.text for step in reversed(attempt.trace) if step.label == "program"), None)
        if settings.verify and template.program and not (tried and same_answer(tried, solved.answer)):
            buffer.decline(template, f"its program says {tried!r} of its own source, which is {solved.answer}")
        else:
            buffer.update(template)
    return made


def _distil(words: Wording, settings: Settings, by_id: dict[str, Solved], prompt: Prompt) -> Thinking:
    """A template from a solved problem; with `verify` it is tried on its source. Returns the distiller's reply."""
    solved, sampling = by_id[prompt.id], Sampling(max_new_tokens=settings.max_new_tokens)
    request = _chat(words.template, question=solved.question, explanation=solved.explanation)
    (reply,) = yield Ask((request,), sampling, "template")
    template = parse(reply.text, [solved.question], "")
    if template is not None and template.program and settings.verify:
        (distilled,) = yield Ask((_chat(words.distil, question=solved.question),), sampling, "distil")
        fill = _of_template(words.fill, template, solved.question, distilled.text)
        (slots,) = yield Ask((fill,), sampling, "fill")
        try:
            value = programs.run(template.program, programs.filled(parts(slots.text).get("slots", slots.text)))
            yield Did("program", value)
        except programs.Failed as error:
            yield Did("program", str(error))
    return reply.text
