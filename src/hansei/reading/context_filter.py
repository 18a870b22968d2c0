"""Context filtering: a model reads the passages and keeps what helps, another answers from that alone.

Paper: Wang, Araki, Jiang, Parvez, Neubig 2023, "Learning to Filter Context for Retrieval-Augmented Generation",
arXiv 2311.08377 (FILCO).

1. A measure scores every sentence of the passages by the right answer (section 3.1, `context_measures`).
2. The filter model learns to write the sentences that the measure keeps, from question and passages (section 3.2).
3. The answer model learns to answer from those sentences (section 3.3).
4. At test time the filter model reads the passages and writes what helps; the answer model sees only that.

Settings that are compared: FULL (all passages), PSG (whole passages), FILCO (the filter's sentences) and SILVER (the
sentences of the measure itself, which knows the answer).

Deviations: requests are in our own words, and a conversation in the model's template in place of T5's prefixes. Where
nothing is kept, the filter learns to write `None.` and the answer model sees no passage; the released code gives it the
first passage in training and an empty context at test time. Of all passages together the best sentences are kept, not
of each passage. PSG keeps the passages that hold a sentence which the filter wrote, so that it needs no third model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, Message, Prompt, Sampling
from hansei.models.protocol import Model
from hansei.reading.context_measures import F1Mode, Measure, chosen, cxmi, lexical, sentences, strinc
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod
from hansei.town import library_phrasing as library

NONE = "None."
"""What the filter writes where nothing helps."""
Context = Literal["full", "passages", "filtered", "silver"]
VERSION = "1"


@dataclass(frozen=True)
class Wording:
    """What is asked after the passages and the question; the defaults suit instruction-tuned models."""

    find: str = (
        "Copy from the passages, word for word, the sentence or sentences that help to answer this. "
        f"If none helps, write: {NONE}"
    )
    """The request to the filter model."""
    brief: str = "Answer in a few words, without explanation."
    """The request to the answer model."""
    said: str = "{answer}"
    """An answer as the model says it; `{fact}` is the sentence that tells it, where the question's truth has one."""
    found: str = "{found}"
    """What helps, as the filter says it."""
    none: str = NONE
    """What stands there where nothing helps."""


LIBRARY = Wording(
    library.FIND,
    brief="",
    said=library.answer("{answer}", "{fact}"),
    found=library.found("{found}"),
    none=library.UNTOLD,
)
"""The words that the library's base understands: its answers say the fact before the value."""


def wording_for(model: str) -> Wording:
    """The wording for a model as the user named it."""
    return LIBRARY if model == "town:library" else Wording()


@dataclass(frozen=True)
class Keep:
    """What a measure keeps of the passages."""

    measure: Measure = "strinc"
    """Which measure."""
    keep: int = 1
    """Spans that lexical and cxmi keep at most."""
    threshold: float = 0.0
    """What a span's score must be above: 0 or 1 for strinc, an F1 for lexical, nats for cxmi."""
    f1: F1Mode = "token"
    """The units of lexical."""


def context_filter(
    sampling: Sampling, context: Context, wording: Wording, filter_model: Model | None = None
) -> ThinkingMethod:
    """The answering method. For `silver` the prompt's truth holds `silver`: what a measure has kept.

    `filter_model` writes what helps, where it is another model than the one that answers.
    """
    who = "filter" if filter_model is not None else ""

    def think(prompt: Prompt) -> Thinking:
        texts = texts_of(prompt)
        if context == "silver":
            texts = taught_context(prompt, "silver")
            yield Did("silver", "\n".join(texts))
        elif context != "full" and texts:
            (reply,) = yield Ask((to_filter(prompt, wording),), sampling, "filter", who=who)
            texts = kept_texts(reply.text) if context == "filtered" else holding(texts, reply.text)
            yield Did("kept", "\n".join(texts))
        (reply,) = yield Ask((to_answer(prompt, texts, wording),), sampling, "answer")
        return library.final(reply.text)

    settings = {"sampling": sampling, "context": context, "wording": wording}
    models = {} if filter_model is None else {"filter": filter_model}
    return ThinkingMethod(
        "context-filter", VERSION, think, settings, calls=1 + (context in ("passages", "filtered")), models=models
    )


def to_filter(prompt: Prompt, wording: Wording) -> Chat:
    """What the filter model is asked: all passages, the question, and the request for what helps."""
    return _asked(prompt, texts_of(prompt), wording.find)


def to_answer(prompt: Prompt, texts: Sequence[str], wording: Wording) -> Chat:
    """What the answer model is asked: the given texts as passages, and the question."""
    return _asked(prompt, texts, wording.brief)


def _asked(prompt: Prompt, texts: Sequence[str], request: str) -> Chat:
    *before, last = prompt.messages
    lines = [" ".join(text.split()) for text in texts]
    return (*before, Message("user", library.render(lines, last.content, request)))


def texts_of(prompt: Prompt) -> list[str]:
    """The texts of the question's passages, without titles, as in the released code."""
    return [str(passage["text"]) for passage in (prompt.truth or {}).get("passages", ())]


def kept_texts(reply: str) -> list[str]:
    """What the filter has written, as the only passage; nothing where it says that nothing helps."""
    said = " ".join(reply.split()).removeprefix(library.FACT).strip()
    return [] if not said or said.rstrip(".").lower() == NONE.rstrip(".").lower() else [said]


def holding(texts: Sequence[str], reply: str) -> list[str]:
    """The passages that hold a sentence which the filter has written."""
    wanted = [_plain(sentence) for text in kept_texts(reply) for sentence in sentences(text)]
    return [text for text in texts if any(sentence in _plain(text) for sentence in wanted)]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


def with_silver(prompts: Sequence[Prompt], keep: Keep, wording: Wording, model: Model | None = None) -> list[Prompt]:
    """The questions with `silver` (sentences kept by the measure) and `silver_passages` in their truth.

    Raises BadInput where a question has no right answer, or cxmi no model.
    """
    spans = [(p, span) for p in prompts for text in texts_of(p) for span in sentences(text)]
    whole = [(p, text) for p in prompts for text in texts_of(p)]
    of_sentences = _by_prompt(spans, score(spans, keep, wording, model))
    of_passages = _by_prompt(whole, score(whole, keep, wording, model))
    return [
        replace(
            prompt,
            truth={
                **(prompt.truth or {}),
                "silver": silver(of_sentences.get(prompt.id, []), keep),
                "silver_passages": silver(of_passages.get(prompt.id, []), keep),
            },
        )
        for prompt in prompts
    ]


def silver(scored: Sequence[tuple[str, float | None]], keep: Keep) -> list[str]:
    """The spans that the measure keeps, in their order; one that stands in several passages once.

    Sentences become one text, as the filter writes them.
    """
    spans = list(dict(reversed(scored)).items())[::-1]
    return [spans[i][0] for i in chosen([value for _, value in spans], keep.measure, keep.keep, keep.threshold)]


def score(
    spans: Sequence[tuple[Prompt, str]], keep: Keep, wording: Wording, model: Model | None = None
) -> list[float | None]:
    """The measure of each span for its question. Raises BadInput as `with_silver` does."""
    without = next((prompt.id for prompt, _ in spans if not answers_of(prompt)), None)
    if without is not None:
        raise BadInput(f"question {without}: has no right answer, and without one nothing can be measured")
    if keep.measure == "strinc":
        return [strinc(span, answers_of(prompt)) for prompt, span in spans]
    if keep.measure == "lexical":
        return [lexical(span, answers_of(prompt), keep.f1) for prompt, span in spans]
    if model is None:
        raise BadInput("measure cxmi: needs a model with log-probabilities")
    return cxmi(
        model,
        [
            (
                to_answer(prompt, [span], wording),
                to_answer(prompt, [], wording),
                said(prompt, texts_of(prompt), wording),
            )
            for prompt, span in spans
        ],
    )


def said(prompt: Prompt, texts: Sequence[str], wording: Wording) -> str:
    """The right answer as the model says it: of the sentences of its fact those that stand in `texts`, then the value.

    Sentences that stand nowhere are left out, as a lesson that tells them would teach to invent.
    """
    told = sentences(str((prompt.truth or {}).get("fact", "")))
    fact = [s for s in told if any(library.as_told(s) in text for text in texts)]
    return wording.said.format(answer=answers_of(prompt)[0], fact=" ".join(fact) or wording.none)


def _by_prompt(
    spans: Sequence[tuple[Prompt, str]], scores: Sequence[float | None]
) -> dict[str, list[tuple[str, float | None]]]:
    found: dict[str, list[tuple[str, float | None]]] = {}
    for (prompt, span), value in zip(spans, scores, strict=True):
        found.setdefault(prompt.id, []).append((span, value))
    return found


def answers_of(prompt: Prompt) -> list[str]:
    """The accepted answers, the first one first."""
    own = [] if prompt.reference is None else [prompt.reference]
    return list(dict.fromkeys([*own, *map(str, (prompt.truth or {}).get("answers", []))]))


def filter_lessons(prompts: Sequence[Prompt], wording: Wording) -> Iterator[Lesson]:
    """What the filter model is taught (section 3.2): question and passages, then what the measure has kept."""
    for prompt in prompts:
        kept = " ".join(prompt.truth["silver"]) or wording.none  # type: ignore[index]
        written = wording.found.format(found=kept)
        yield Lesson(f"filter/{prompt.id}", to_filter(prompt, wording), written, prompt_id=prompt.id, purpose="filter")


def answer_lessons(prompts: Sequence[Prompt], context: Context, wording: Wording) -> Iterator[Lesson]:
    """What the answer model is taught (section 3.3): the context of its setting, the question, then the answer."""
    for prompt in prompts:
        texts = taught_context(prompt, context)
        asked = to_answer(prompt, texts, wording)
        yield Lesson(f"answer/{context}/{prompt.id}", asked, said(prompt, texts, wording), prompt_id=prompt.id)


def taught_context(prompt: Prompt, context: Context) -> list[str]:
    """The texts that an answer model of a setting sees in training."""
    truth: Mapping[str, Any] = prompt.truth or {}
    if context == "full":
        return texts_of(prompt)
    if context == "passages":
        return list(truth["silver_passages"])
    return [" ".join(truth["silver"])] if truth["silver"] else []
