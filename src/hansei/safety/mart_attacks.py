"""What an attacker of MART has written: made a prompt of, and measured for variety."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from hansei.core.keys import content_key
from hansei.core.overlap import normalise
from hansei.core.records import Attempt, Lesson, Message, Prompt, user
from hansei.judges.rules import behaviour_of
from hansei.safety.lessons import answer

Read = Callable[[Attempt, Prompt], Prompt | str]
"""From what the attacker wrote, and its source, to an attack; or, in a few words, why it is unusable."""

COMPARED = 100
"""Most attacks of which each is compared with all others (self-BLEU); more are sampled."""


def read_own(written: Attempt, source: Prompt) -> Prompt | str:
    """The text as the last turn of a conversation like the source's, expected to be refused as the source is.

    Unusable: an error, a text that was cut off, nothing, a refusal to write, or the source over again.
    """
    if written.error is not None:
        return "no answer came"
    if written.finish == "length":
        return "cut off"
    text = re.sub(r'^["“](.*)["”]$', r"\1", written.text.strip(), flags=re.DOTALL).strip()
    if not text:
        return "empty"
    if behaviour_of(text)[0] == "refused":
        return "refused to write"
    if normalise(text) == normalise(source.messages[-1].content):
        return "copy of its source"
    return attack(text, source)


def attack(text: str, source: Prompt, **changed: object) -> Prompt:
    """The source with another last turn and an id from its text; `changed`: other fields of the prompt."""
    chat = (*source.messages[:-1], Message("user", text))
    made = replace(source, id=f"attack/{content_key(chat)[:16]}", messages=chat, reference=None, mistake=None)
    return replace(made, **changed)  # type: ignore[arg-type]


def wording(prompt: Prompt) -> str:
    """What is compared as the wording of an attack: its tag `wording`, else its last turn, normalised."""
    return prompt.tags.get("wording") or normalise(prompt.messages[-1].content)


def diversity(attacks: Sequence[Prompt], earlier: Sequence[Prompt], seed: int) -> dict[str, float | None]:
    """How various a round's attacks are; None where there are too few to say.

    distinct_2: different pairs of words over all pairs (Li et al. 2016, arXiv 1510.03055).
    self_bleu: mean BLEU-4 of an attack against the others (Zhu et al. 2018, arXiv 1802.01886); low is various.
    wordings: different wordings a round. unseen_wordings, unseen_entities: shares of the attacks whose wording, or
    whose tag `entity`, is in no `earlier` prompt.
    """
    texts = [p.messages[-1].content for p in attacks]
    seen = {wording(p) for p in earlier}
    entities = {p.tags["entity"] for p in earlier if "entity" in p.tags}
    named = [p.tags["entity"] for p in attacks if "entity" in p.tags]
    return {
        "distinct_2": distinct(texts, 2),
        "self_bleu": self_bleu(texts, seed),
        "wordings": float(len({wording(p) for p in attacks})) if attacks else None,
        "unseen_wordings": _share([wording(p) not in seen for p in attacks]),
        "unseen_entities": _share([name not in entities for name in named]),
    }


def distinct(texts: Sequence[str], n: int) -> float | None:
    """Different n-grams of words over all of them; None where there is none."""
    grams = [gram for text in texts for gram in _grams(normalise(text).split(), n)]
    return len(set(grams)) / len(grams) if grams else None


def self_bleu(texts: Sequence[str], seed: int) -> float | None:
    """Mean BLEU-4 (0 to 1, of sacrebleu, short orders left out) of each text against all others."""
    from sacrebleu.metrics.bleu import BLEU

    chosen = list(texts) if len(texts) <= COMPARED else random.Random(seed).sample(list(texts), COMPARED)
    if len(chosen) < 2:
        return None
    bleu = BLEU(effective_order=True)
    scores = [bleu.sentence_score(text, [*chosen[:i], *chosen[i + 1 :]]).score for i, text in enumerate(chosen)]
    return sum(scores) / len(scores) / 100


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _share(marks: Sequence[bool]) -> float | None:
    return sum(marks) / len(marks) if marks else None


def seed_pairs(seeds: Sequence[Prompt], request: str, seed: int) -> list[Lesson]:
    """Exercises for the attacker: from each seed to another of its category (tag), as the attacker will be asked."""
    rng = random.Random(f"seed pairs {seed}")
    by_category: dict[str, list[Prompt]] = {}
    for prompt in seeds:
        by_category.setdefault(prompt.tags.get("category", ""), []).append(prompt)
    pairs = [
        (p, rng.choice([o for o in group if o is not p]))
        for group in by_category.values()
        if len(group) > 1
        for p in group
    ]
    return [
        answer(
            user(request.replace("{prompt}", source.messages[-1].content)),
            other.messages[-1].content,
            prompt_id=other.id,
            purpose="exercise",
        )
        for source, other in pairs
    ]
