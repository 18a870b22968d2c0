"""From the name of a search to the search, and passages for questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hansei.core.errors import BadInput
from hansei.retrieval.passages import Passage
from hansei.retrieval.top import Hit

LEXICAL = "lexical"


class Search(Protocol):
    """Finds passages."""

    name: str
    """`lexical` or `dense`."""
    cut: int
    """Passages that were read in part only, as they are too long for the encoder; of those read by this call."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most k passages, best first."""


def open_search(name: str, passages: Sequence[Passage], folder: Path | None = None, *, device: str = "auto") -> Search:
    """`lexical`, or dense search with the sentence-transformers folder that `name` is.

    `folder` keeps the index, so that the next call has to read new passages only. Raises BadInput at other names.
    """
    if name == LEXICAL:
        from hansei.retrieval.lexical import open_lexical

        return open_lexical(passages, None if folder is None else folder / LEXICAL)
    if not Path(name).is_dir():
        raise BadInput(f"search {name!r}: lexical or a sentence-transformers folder was expected: check the path")
    from hansei.retrieval.dense import open_dense
    from hansei.retrieval.encoder import Encoder

    return open_dense(passages, Encoder(name, device=device), folder)
