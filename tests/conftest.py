"""Shared by all tests: the folder of helpers, and tiny models that are built once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for tiny.py

from tiny import tiny_llama, tiny_qwen2


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random Llama. Read only: tests that change a model copy the folder."""
    return str(tiny_llama(tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="session")
def qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random Qwen2. Read only: tests that change a model copy the folder."""
    return str(tiny_qwen2(tmp_path_factory.mktemp("qwen2")))
