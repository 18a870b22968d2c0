"""The unembedding of a model, and which word each of its rows stands for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput

Rows = NDArray[np.floating]
MATRICES = (".npy", ".safetensors")
STARTS = ("\u0120", "\u2581")
"""How byte-level BPE and SentencePiece write the space before a word."""
INSIDE_WORD = "##"
"""How WordPiece marks a token that begins no word."""


@dataclass(frozen=True)
class Vocabulary:
    """Which token stands for which word."""

    words: Mapping[str, int]
    """Whole words as they stand after a space, and their token."""
    tokens: NDArray[np.intp]
    """All tokens but the special ones."""
    size: int
    """Rows that belong to a token, special ones included."""


@dataclass(frozen=True)
class Unembedding:
    """The output matrix of a language model, V x d, and its vocabulary."""

    name: str
    """As the user called it."""
    rows: Callable[[int, int], Rows]
    """Rows a to b, as floats."""
    width: int
    """d."""
    vocabulary: Vocabulary
    """Its tokens; further rows of the matrix are padding and left out."""
    origin: str
    """Where it was found."""

    def at(self, tokens: Sequence[int] | NDArray[np.intp]) -> Rows:
        """The rows of some tokens, read in order."""
        order = np.argsort(np.asarray(tokens), kind="stable")
        found = np.empty((len(order), self.width), dtype=np.float32)
        for place in order:
            found[place] = self.rows(int(tokens[place]), int(tokens[place]) + 1)[0]
        return found


def load_unembedding(model: str, vocabulary: str | None = None, tensor: str | None = None) -> Unembedding:
    """That of `town:NAME`, a folder or Hugging Face name, or of a saved matrix with its vocabulary.

    Of a model, only the one matrix is read where its files name it plainly; else the model is loaded whole. Raises
    BadInput where there is none, or the vocabulary does not fit it.
    """
    if Path(model).suffix in MATRICES:
        if vocabulary is None:
            raise BadInput(
                f"{model}: a matrix has no words: name its vocabulary with --vocabulary FILE (a token a line, "
                "vocab.json, tokenizer.json or a model's folder)"
            )
        matrix, origin = _saved(Path(model), tensor)
        words = read_vocabulary(vocabulary)
    else:
        if vocabulary is not None or tensor is not None:
            raise BadInput(f"{model}: --vocabulary and --tensor go with a saved matrix; a model brings its own")
        matrix, origin, tokenizer = _of_model(model)
        words = vocabulary_of(tokenizer)
    if matrix.shape[0] < words.size:
        raise BadInput(
            f"{model}: a row for each of {words.size} tokens was expected, found {matrix.shape[0]} rows: is it the "
            "vocabulary of this matrix?"
        )
    return Unembedding(model, lambda a, b: _floats(matrix[a:b]), int(matrix.shape[1]), words, origin)


def _floats(rows: Any) -> Rows:
    """Rows as NumPy floats, whatever holds them; bfloat16, which NumPy lacks, as float32."""
    if isinstance(rows, np.ndarray):
        return rows
    found: Rows = rows.float().numpy() if rows.dtype.itemsize < 4 else rows.numpy()
    return found


def _saved(path: Path, tensor: str | None) -> tuple[Any, str]:
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file: check the path")
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False) if path.suffix == ".npy" else _tensor(path, tensor)
    except BadInput:
        raise
    except Exception as error:  # NumPy and safetensors raise many kinds for what they can't read
        raise BadInput(f"{path}: a matrix was expected, found a file that can't be read: {_line(error)}") from error
    return _checked(path, matrix), path.name if tensor is None else f"{tensor} of {path.name}"


def _checked(path: Path, matrix: Any) -> Any:
    kind = str(matrix.dtype)
    if len(matrix.shape) != 2 or "float" not in kind:
        raise BadInput(f"{path}: a matrix of floats, tokens x width, was expected, found {kind} {tuple(matrix.shape)}")
    return matrix


def _tensor(path: Path, name: str | None) -> Any:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        if name is None:
            flat = [n for n in names if len(file.get_slice(n).get_shape()) == 2]
            if len(flat) != 1:
                listed = ", ".join(flat[:5]) or "none"
                raise BadInput(f"{path}: one matrix was expected, found {listed}: name it with --tensor")
            name = flat[0]
        if name not in names:
            raise BadInput(f"{path}: no tensor {name!r}; there are {', '.join(names[:6])}")
        return file.get_tensor(name)


def _of_model(model: str) -> tuple[Any, str, Any]:
    """The matrix, the name of its parameter, and the tokenizer."""
    from hansei.models.load import town_path
    from hansei.models.loading import load_tokenizer
    from hansei.models.weights import find
    from hansei.town.districts import district_of

    home = district_of(model)
    place = find(model if home is None else town_path(home))
    name, tied = _output_name(place.base, model)
    matrix = None if place.adapter else _from_files(place.base, name)
    if matrix is None:
        matrix = _from_whole(place, model)
    return matrix, f"{name}{' (tied to the input embedding)' if tied else ''}", load_tokenizer(place, model)


def _output_name(folder: Path, model: str) -> tuple[str, bool]:
    """What the model's class calls its output matrix, without weights in memory."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # transformers raises many kinds for what is no causal language model
        raise BadInput(
            f"{model}: a causal language model with an unembedding was expected, found {_line(error)}: name another "
            "model, or a saved matrix"
        ) from error
    head = skeleton.get_output_embeddings()
    if head is None or getattr(head, "weight", None) is None:
        raise BadInput(f"{model}: a model with an unembedding was expected, {type(skeleton).__name__} has none")
    tied = head.weight is skeleton.get_input_embeddings().weight
    return next(name for name, p in skeleton.named_parameters() if p is head.weight), tied


def _from_files(folder: Path, name: str) -> Any | None:
    """The matrix alone, where a file of the folder holds it under that name; None where the names differ."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            if name in file.keys():  # noqa: SIM118  (a safe_open is no mapping)
                return file.get_tensor(name)
    return None


def _from_whole(place: Any, model: str) -> Any:
    import torch

    from hansei.models.loading import load_weights

    hf = load_weights(place, model, torch.device("cpu"), torch.float32, None)
    return hf.get_output_embeddings().weight.detach()


def read_vocabulary(path: str) -> Vocabulary:
    """Of a folder with a tokenizer, tokenizer.json, vocab.json ({token: row} or a list), or text with a token a line.

    Raises BadInput for any other file.
    """
    place = Path(path)
    if place.is_dir() or place.name == "tokenizer.json":
        return vocabulary_of(_tokenizer(place))
    try:
        text = place.read_text(encoding="utf-8")
        found = json.loads(text) if place.suffix == ".json" else text.removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: a vocabulary was expected, found a file that can't be read: {_line(error)}") from error
    pairs = list(found.items()) if isinstance(found, dict) else [(t, n) for n, t in enumerate(found)]
    for token, row in pairs:
        if not isinstance(token, str) or not isinstance(row, int) or isinstance(row, bool) or row < 0:
            raise BadInput(f"{path}: tokens and rows from 0 were expected, found {token!r:.40}: {row!r:.40}")
    if not pairs:
        raise BadInput(f"{path}: one token at least was expected, found none")
    return _vocabulary(dict(pairs), frozenset())


def _tokenizer(place: Path) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        if place.is_dir():
            return AutoTokenizer.from_pretrained(place)
        return PreTrainedTokenizerFast(tokenizer_file=str(place))
    except Exception as error:  # transformers and tokenizers raise many kinds
        raise BadInput(f"{place}: a tokenizer was expected, found none that can be loaded: {_line(error)}") from error


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    """The whole words and plain tokens of a Hugging Face tokenizer."""
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return _vocabulary(tokenizer.get_vocab(), frozenset(special | set(tokenizer.all_special_ids)))


def _vocabulary(tokens: Mapping[str, int], special: frozenset[int]) -> Vocabulary:
    """Which tokens are whole words is told from how the vocabulary writes the space before a word."""
    start = next((mark for mark in STARTS if sum(t.startswith(mark) for t in tokens) > 0.05 * len(tokens)), "")
    byte_of = _byte_letters() if start == STARTS[0] else {}
    words = {}
    for token, number in tokens.items():
        if number in special or not token.startswith(start) or token.startswith(INSIDE_WORD):
            continue
        word = token.removeprefix(start)
        if byte_of:
            word = bytes(byte_of.get(letter, 63) for letter in word).decode("utf-8", errors="replace")
        if word.isalpha():
            words[word] = number
    plain = sorted(set(tokens.values()) - special)
    return Vocabulary(words, np.array(plain, dtype=np.intp), max(tokens.values()) + 1)


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level BPE writes for each byte (Radford et al. 2019), the other way round."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    return {chr(b): b for b in printed} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
