"""Sentences of a made-up language whose words' probabilities are known, human and AI."""

import numpy as np

WORDS = 400


def probabilities(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """How often each word stands in a human and in an AI sentence: Zipf's law, with some words moved."""
    rng = np.random.default_rng(seed)
    human = 0.6 / (1 + np.arange(WORDS)) ** 0.8
    ai = np.clip(human * np.exp(rng.normal(0, 0.8, WORDS)), 0, 0.9)
    return human, ai


def sentences(chances: np.ndarray, count: int, rng: np.random.Generator) -> list[str]:
    """Sentences in which each word stands independently, and two that stand in all."""
    names = [f"w{letters(n)}" for n in range(WORDS)]
    held = rng.random((count, WORDS)) < chances
    return [" ".join(["it", "is", *(names[n] for n in np.flatnonzero(row))]) for row in held]


def letters(number: int) -> str:
    return "".join(chr(97 + number // 26**place % 26) for place in range(3))


def mixture(share: float, count: int, rng: np.random.Generator) -> list[str]:
    """Sentences of which this share is AI, shuffled."""
    human, ai = probabilities()
    ais = round(share * count)
    lines = sentences(ai, ais, rng) + sentences(human, count - ais, rng)
    return [lines[n] for n in rng.permutation(count)]
