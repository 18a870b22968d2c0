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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Chat, Prompt, Sampling, user
from hansei.models.protocol import Model
from hansei.reasoning import programs
from hansei.reasoning.answers import extract
from hansei.reasoning.invalid import Solved, same_answer
from hansei.reasoning.problems import as_prompts, read_problems, without_solution
from hansei.reasoning.similarity import similarity
from hansei.reasoning.templates import Buffer, Template, leaked, load, parse, parts
from hansei.reasoning.wording import COARSE, Wording, wording
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod, answer

VERSION = "1"


Use = Literal["program", "text"]


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer thought-templates`."""

    judge: str = "number"
    """Who judges: number (compared as numbers), exact-match, reference, rules, or a model's name."""
    max_new_tokens: int = 512
    """Longest reply, in tokens."""
    templates: str | None = None
    """The buffer: a JSON file that is read, or written where it is not there yet."""
    examples: str | None = None
    """File of solved problems that templates are distilled from; none may be among the questions."""
    most_examples: int = 100
    """How many of them, the first of the file."""
    use: Use = "program"
    """How a template is used: its program with slots read by the model, or its steps followed by the model (text)."""
    similarity: str = "words"
    """How descriptions are compared: by their `words`, or by the folder of a sentence-transformers model."""
    threshold: float = 0.6
    """delta: least similarity of a template that is used; below it, a new one is let in. The paper: 0.5 to 0.7."""
    verify: bool = True
    """Whether a template with a program must answer its own source rightly to be let in."""
    wording: Literal["plain", "school"] = "plain"
    """What the model is asked: `school` is what the town's school has taught its base."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no method."""
        super().__post_init__()
        if not 0 < self.threshold <= 1 or self.most_examples < 1:
            raise BadInput(
                "thought-templates: a threshold above 0 and up to 1, and most_examples of 1 or more expected"
            )
        if self.examples is None and (self.templates is None or not Path(self.templates).exists()):
            raise BadInput(
                "thought-templates: --templates FILE (a buffer), or --examples FILE (solved problems to distil one "
                "from) was expected"
            )


def make(settings: Settings) -> ThinkingMethod:
    """The method with the buffer of a file, or with an empty one where `begin` is to distil it."""
    similar = similarity(settings.similarity)
    there = settings.templates is not None and Path(settings.templates).exists()
    buffer = (
        load(str(settings.templates), similar, settings.threshold) if there else Buffer(settings.threshold, similar)
    )
    return of(buffer, wording(settings.wording), settings.sampling, settings.use)


def prepare(prompts: Sequence[Prompt], settings: Settings) -> list[Prompt]:
    """The questions of a file with the answer alone as reference. Raises BadInput where one is an example, too."""
    if settings.examples is not None:
        check_apart([solved.question for solved in _examples(settings)], prompts)
    return [without_solution(prompt) for prompt in prompts]


def begin(prompts: Sequence[Prompt], settings: Settings, model: Model, journal: Journal) -> ThinkingMethod:
    """The method with its buffer, which is distilled by the model first where it is not there. Raises BadInput at a
    template that comes from one of the questions."""
    buffer = Buffer(settings.threshold, similarity(settings.similarity))
    words = wording(settings.wording)
    if settings.templates is not None and Path(settings.templates).exists():
        buffer = load(settings.templates, buffer.similar, settings.threshold)
    else:
        made = grow(buffer, _examples(settings), model, words, settings.sampling, journal, verify=settings.verify)
        if settings.templates is not None and not any(attempt.error for attempt in made):  # else asked again next time
            buffer.save(settings.templates)
    check_apart([source for template in buffer.templates for source in template.sources], prompts)
    return of(buffer, words, settings.sampling, settings.use)


def _examples(settings: Settings) -> list[Solved]:
    found = [solved for solved in read_problems(str(settings.examples)) if solved.explanation]
    if not found:
        raise BadInput(f"{settings.examples}: problems with explanations were expected, found none")
    return found[: settings.most_examples]


def check_apart(sources: Sequence[str], prompts: Sequence[Prompt]) -> None:
    """Raises BadInput where a template was, or would be, made from one of the questions."""
    both = leaked(sources, [prompt.messages[-1].content for prompt in prompts])
    if both:
        raise BadInput(
            f"thought-templates: {len(both)} of the questions are sources of templates, such as {both[0]!r:.80}: "
            "take templates from other problems"
        )


def of(buffer: Buffer, words: Wording, sampling: Sampling, use: Use = "program") -> ThinkingMethod:
    """The method with this buffer, which it does not change."""
    think = functools.partial(_think, buffer, words, sampling, use)
    known = {
        "templates": [asdict(template) for template in buffer.templates],
        "threshold": buffer.threshold,
        "wording": asdict(words),
        "sampling": sampling,
        "use": use,
    }
    return ThinkingMethod("thought-templates", VERSION, think, known, calls=3)


def _think(buffer: Buffer, words: Wording, sampling: Sampling, use: Use, prompt: Prompt) -> Thinking:
    """Distil, retrieve, instantiate."""
    question = prompt.messages[-1].content
    (distilled,) = yield Ask((_chat(words.distil, question=question),), sampling, "distil")
    found = parts(distilled.text)
    template, score = buffer.find(found.get("task", distilled.text))
    yield Did("retrieval", f"{score:.2f} {template.task if template else 'no template is similar enough'}")
    if template is None:
        return (yield from _coarse(words, found.get("category", ""), question, sampling))
    if use == "text" or not template.program:
        (reply,) = yield Ask((_of_template(words.follow, template, question),), sampling, "follow")
        return extract(reply.text) or ""
    return (yield from _by_program(words, template, question, distilled.text, sampling))


def _by_program(words: Wording, template: Template, question: str, distilled: str, sampling: Sampling) -> Thinking:
    """Slots from the model, the rest from the program. A program that fails is followed as text."""
    (slots,) = yield Ask((_of_template(words.fill, template, question, distilled),), sampling, "fill")
    value, there = _value(template, slots.text)
    yield Did("program", value)
    if there:
        return value
    (reply,) = yield Ask((_of_template(words.follow, template, question),), sampling, "follow")
    return extract(reply.text) or ""


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
    buffer: Buffer,
    examples: Sequence[Solved],
    model: Model,
    words: Wording,
    sampling: Sampling,
    journal: Journal,
    *,
    verify: bool = True,
) -> list[Attempt]:
    """Distils a template from each solved problem and has the manager decide on it, in their order.

    Replies are made (and kept in the journal) first, and the decisions after them. Returns the distiller's attempts.
    """
    prompts = as_prompts(examples, "train")
    by_id = {prompt.id: solved for prompt, solved in zip(prompts, examples, strict=True)}
    think = functools.partial(_distil, words, sampling, verify, by_id)
    explanations = [solved.explanation for solved in examples]
    known = {"wording": asdict(words), "sampling": sampling, "verify": verify, "explanations": explanations}
    distiller = ThinkingMethod("distil templates", VERSION, think, known, calls=3)
    attempts = answer(model, prompts, distiller, journal, label="distil templates")
    for solved, attempt in zip(examples, attempts, strict=True):
        template = None if attempt.error else parse(attempt.text, [solved.question], model.fingerprint)
        if template is None:
            buffer.declined.append({"reason": attempt.error or "no template", "reply": attempt.text[:2000]})
            continue
        tried = next((step.text for step in reversed(attempt.trace) if step.label == "program"), None)
        if verify and template.program and not (tried and same_answer(tried, solved.answer)):
            buffer.decline(template, f"its program says {tried!r} of its own source, which is {solved.answer}")
        else:
            buffer.update(template)
    return attempts


def _distil(words: Wording, sampling: Sampling, verify: bool, by_id: Mapping[str, Solved], prompt: Prompt) -> Thinking:
    """A template from a solved problem; with `verify` it is tried on its source. Returns the distiller's reply."""
    solved = by_id[prompt.id]
    request = _chat(words.template, question=solved.question, explanation=solved.explanation)
    (reply,) = yield Ask((request,), sampling, "template")
    template = parse(reply.text, [solved.question], "")
    if template is not None and template.program and verify:
        (distilled,) = yield Ask((_chat(words.distil, question=solved.question),), sampling, "distil")
        fill = _of_template(words.fill, template, solved.question, distilled.text)
        (slots,) = yield Ask((fill,), sampling, "fill")
        yield Did("program", _value(template, slots.text)[0])
    return reply.text


def _value(template: Template, slots: str) -> tuple[str, bool]:
    """What the template's program says of the slots that the model wrote, or why it says nothing; whether it did."""
    try:
        return programs.run(template.program, programs.filled(parts(slots).get("slots", slots))), True
    except programs.Failed as error:
        return str(error), False
