"""From conversations to tokens, so that no words in them pass for the tokens between turns.

What people and models say may hold the text of a special token, such as `<|im_end|>`, and a tokenizer reads that text
as the token: an answer that is quoted in a lesson could end its turn and begin another one. So the chat template is
given conversations with a mark inside each such text, the rendering is cut at the marks, and its pieces are tokenised
one by one: no piece holds the whole text, and so it becomes ordinary tokens. Without such a text there is one piece,
which has exactly the tokens of the plain template.

Left as they are: special tokens of one character, which can't be cut, and added tokens that the tokenizer doesn't
call special, such as Qwen's `<think>`. A tokenizer that begins every text with a space (Metaspace, as in SentencePiece)
puts one at the cut, so such a text reads `< |im_end|>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Chat, as_dicts
from hansei.models.text import plain_chat

Pieces = tuple[str, ...]
"""A text in the pieces that it is tokenised in; joined, they are the text."""


class Rendering:
    """What a tokenizer and its chat template (without one: `plain_chat`) make of conversations."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.templated = bool(tokenizer.chat_template)
        added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        words = sorted(word for word in added | set(tokenizer.all_special_tokens) if len(word) > 1)
        self._first = re.compile(f"(?=(?:{'|'.join(map(re.escape, words))}))(.)", re.S) if words else None

    def chats(self, chats: Sequence[Chat], *, asks: bool = True) -> list[Pieces]:
        """The conversations as the model reads them; `asks`: up to where it speaks.

        Raises BadInput where the template refuses one, in its own words or as a program that can't work with it.
        """
        if not chats:
            return []
        mark = _free_mark(message.content for chat in chats for message in chat)
        cut = [tuple(replace(message, content=self._cut(message.content, mark)) for message in chat) for chat in chats]
        if self.templated:
            rendered = self._by_template([as_dicts(chat) for chat in cut], asks)
        else:
            rendered = [plain_chat(chat) for chat in cut]
        return [tuple(text.split(mark)) for text in rendered]

    def words(self, text: str) -> Pieces:
        """Words that no template has written, such as the continuation of a conversation."""
        mark = _free_mark([text])
        return tuple(self._cut(text, mark).split(mark))

    def ids(self, texts: Sequence[Pieces], *, start: bool = True) -> list[list[int]]:
        """Their tokens. A template writes the start token itself; plain text at its `start` needs the tokenizer's."""
        begun = start and not self.templated
        firsts = self._tokens([pieces[0] for pieces in texts], begun)
        rest = iter(self._tokens([piece for pieces in texts for piece in pieces[1:]], False))
        return [sum(islice(rest, len(pieces) - 1), list(first)) for first, pieces in zip(firsts, texts, strict=True)]

    def _by_template(self, chats: list[list[dict[str, str]]], asks: bool) -> list[str]:
        from jinja2 import TemplateError

        try:
            texts: list[str] = self.tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=asks)
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:  # what its code may raise
            name = self.tokenizer.name_or_path or "the model"
            raise BadInput(f"{name}: its chat template refuses a conversation: {error}") from error
        return texts

    def _cut(self, text: str, mark: str) -> str:
        """The text with the mark after the first character of every special token's text."""
        return self._first.sub(rf"\1{mark}", text) if self._first else text

    def _tokens(self, texts: list[str], begun: bool) -> Iterable[list[int]]:
        return self.tokenizer(texts, add_special_tokens=begun, verbose=False)["input_ids"] if texts else []


def _free_mark(texts: Iterable[str]) -> str:
    """A character for private use that no text has."""
    taken = set().union(*texts)
    return next(mark for mark in _marks() if mark not in taken)


def _marks() -> Iterator[str]:
    """Unicode's private-use characters: the 6,400 of the first plane, then those of the last two."""
    for first, last in ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)):
        yield from map(chr, range(first, last + 1))
