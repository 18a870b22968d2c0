"""Tiny start models and lessons for the trainings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tiny.py

from tiny import tiny_llama, tiny_qwen2

from hansei.core.records import Lesson, user


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_llama(tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="session")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_qwen2(tmp_path_factory.mktemp("qwen2")))


@pytest.fixture(scope="session")
def lessons() -> list[Lesson]:
    """Twelve lessons whose prompts quote a mistake."""
    return [
        Lesson(
            id=f"lesson-{i}",
            prompt=user(f"How do I make lamp {i}?", "MISTAKE: grind a red stone.", "Why is that wrong?"),
            completion=f"It could hurt somebody, {'and ' * (i % 4)}that is wrong.",
            purpose="analysis" if i % 2 else "keep",
        )
        for i in range(12)
    ]


@pytest.fixture(scope="session")
def pairs() -> list[Lesson]:
    return [
        Lesson(
            id=f"pair-{i}",
            prompt=user(f"How do I make lamp {i}?"),
            chosen="I can't help with that.",
            rejected=f"Sure, take {i} stones and heat them.",
        )
        for i in range(12)
    ]
