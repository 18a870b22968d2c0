"""Shared by all tests: the folder of helpers, and tiny models that are built once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for tiny.py

from tiny import tiny_llama, tiny_qwen2

from hansei.core import progress_lines


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by time: what a command says on stderr would depend on how fast the machine is."""
    monkeypatch.setattr(progress_lines, "PAUSE", 3600.0)


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random Llama. Read only: tests that change a model copy the folder."""
    return str(tiny_llama(tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="session")
def qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random Qwen2. Read only: tests that change a model copy the folder."""
    return str(tiny_qwen2(tmp_path_factory.mktemp("qwen2")))


@pytest.fixture(scope="session")
def public_data() -> Callable[[str], Path]:
    """`public_data(NAME)` is the folder of a public data set; the test is skipped where that is not there.

    They stand in $HANSEI_DATA, or in shared/data beside the checkout; nothing of them is committed.
    """
    home = Path(os.environ.get("HANSEI_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def folder(name: str) -> Path:
        if not (home / name).is_dir():
            pytest.skip(f"the data set {name} is not there: set HANSEI_DATA to the folder that holds it")
        return home / name

    return folder
