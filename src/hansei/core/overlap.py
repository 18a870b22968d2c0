"""What lessons and held-out prompts have in common; nothing should be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, Prompt

N = 13
"""Words in a row that two texts share by more than chance (Brown et al. 2020, appendix C)."""

# Marks of prose go; those within a number and operators stay: "3.5" is not "35", "3-1" is not "3*1".
_PROSE = re.compile(r"""(?<!\d)[.,:]|[.,:](?!\d)|[;!?¿¡…·"'`´‘’‚“”„«»‹›()\[\]{}。，、！？；：「」『』（）]""")
# Scripts written without spaces (Chinese, Japanese, Korean, Thai): each character counts as a word.
_UNSPACED = re.compile(r"([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")

Pairs = tuple[tuple[str, str], ...]


def normalise(text: str) -> str:
    """A text without what does not change it: case, marks of prose, width of characters, spaces.

    What consists of such marks only is left as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _UNSPACED.sub(r" \1 ", _PROSE.sub(" ", folded)).split()
    return " ".join(words or text.split())


@dataclass(frozen=True, slots=True)
class Overlap:
    """Held-out prompts that lessons meet, each once, beside the first lesson that meets it."""

    exact: Pairs
    """(lesson id, prompt id): the prompt's whole normalised text is put to the model in the lesson."""
    ngram13: Pairs
    """(lesson id, prompt id): not exact, but 13 words in a row of the prompt stand in the lesson."""
    shared_entities: tuple[str, ...]
    """Values of the prompts' tag `entity` that a lesson is about or names, sorted."""
    n_lessons: int
    """Lessons compared."""
    n_prompts: int
    """Held-out prompts compared."""
    n_entities: int
    """Different entities among the held-out prompts."""

    def __str__(self) -> str:
        return (
            f"overlap of {self.n_lessons} lessons with {self.n_prompts} held-out prompts: "
            f"{len(self.exact)} whole, {len(self.ngram13)} by {N} words in a row, "
            f"{len(self.shared_entities)} of {self.n_entities} entities"
        )

    def stop_if_exact(self) -> None:
        """Raises BadInput where a held-out prompt is also a lesson: what follows would prove nothing."""
        if self.exact:
            lesson, prompt = self.exact[0]
            raise BadInput(
                f"{len(self.exact)} of {self.n_prompts} held-out prompts are also lessons, such as prompt "
                f"{prompt!r} in lesson {lesson!r}: remove them from one of the two splits"
            )


def overlap(lessons: Iterable[Lesson], heldout: Sequence[Prompt], lesson_prompts: Iterable[Prompt] = ()) -> Overlap:
    """Compares every held-out prompt with every lesson.

    A prompt's text is its conversation without the system message. It is exactly in a lesson if one of the
    lesson's user turns, or the lesson's conversation up to one, is the same text after `normalise`. 13-grams
    of a prompt of 13 words or more are looked for in all of the lesson, answers included. An entity is
    shared if it is named in a lesson's text, or is that of the prompt a lesson came from, which is looked up
    in `lesson_prompts`.
    """
    texts: dict[str, list[str]] = {}
    grams: dict[str, list[str]] = {}
    for prompt in heldout:
        text = normalise(_conversation(prompt.messages))
        texts.setdefault(text, []).append(prompt.id)
        for gram in _grams(text.split(), N):
            grams.setdefault(gram, []).append(prompt.id)
    entities = {normalise(name): name for name in sorted({p.tags["entity"] for p in heldout if "entity" in p.tags})}
    lengths = sorted({len(name.split()) for name in entities})
    about = {p.id: normalise(p.tags["entity"]) for p in lesson_prompts if "entity" in p.tags}

    exact: dict[str, str] = {}
    ngram: dict[str, str] = {}
    shared: set[str] = set()
    n_lessons = 0
    for lesson in lessons:
        n_lessons += 1
        for text in _asked(lesson.prompt):
            for prompt_id in texts.get(text, ()):
                exact.setdefault(prompt_id, lesson.id)
        words_of_parts = [normalise(part).split() for part in _parts(lesson)]
        for words in words_of_parts:
            for gram in _grams(words, N):
                for prompt_id in grams.get(gram, ()):
                    ngram.setdefault(prompt_id, lesson.id)
            shared.update(g for length in lengths for g in _grams(words, length) if g in entities)
        if about.get(lesson.prompt_id) in entities:
            shared.add(about[lesson.prompt_id])
    return Overlap(
        exact=tuple((lesson_id, prompt_id) for prompt_id, lesson_id in exact.items()),
        ngram13=tuple((lesson_id, prompt_id) for prompt_id, lesson_id in ngram.items() if prompt_id not in exact),
        shared_entities=tuple(sorted(entities[name] for name in shared)),
        n_lessons=n_lessons,
        n_prompts=len(heldout),
        n_entities=len(entities),
    )


def _conversation(chat: Chat) -> str:
    return "\n".join(message.content for message in chat if message.role != "system")


def _asked(chat: Chat) -> set[str]:
    """The normalised texts that a lesson puts to the model: each user turn, and what leads up to it."""
    texts = set()
    for i, message in enumerate(chat):
        if message.role == "user":
            texts |= {normalise(message.content), normalise(_conversation(chat[: i + 1]))}
    return texts


def _parts(lesson: Lesson) -> list[str]:
    """All that is said in a lesson: the conversation as one text, and each answer."""
    answers = (lesson.completion, lesson.chosen, lesson.rejected)
    return [_conversation(lesson.prompt), *(answer for answer in answers if answer is not None)]


def _grams(words: Sequence[str], n: int) -> Iterator[str]:
    return (" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
