"""Hugging Face causal language models on this machine: folders, names and PEFT adapters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Sampling
from hansei.models import text
from hansei.models.decoding import Choose, Written, accepted, decode, full, greedy, sampler
from hansei.models.loading import (
    cache_bytes,
    choose_device,
    choose_dtype,
    end_tokens,
    hidden_tokens,
    load_tokenizer,
    load_weights,
)
from hansei.models.protocol import Reply, check_sampling
from hansei.models.rendering import Pieces, Rendering
from hansei.models.weights import find, fingerprint

log = logging.getLogger("hansei")


class Rendered(NamedTuple):
    """A conversation as the model reads it."""

    pieces: Pieces
    """The rendered prompt, up to where the model speaks, in the pieces that it is tokenised in."""
    ids: list[int]
    """Its tokens."""

    @property
    def text(self) -> str:
        """The rendered prompt."""
        return "".join(self.pieces)


class LocalModel:
    """A causal language model and its tokenizer, loaded with transformers (and PEFT).

    `path_or_name`: a folder or a Hugging Face name, of a full model or of a PEFT adapter. `adapter`: a PEFT
    adapter folder to put on a full model. `device`: `auto` (cuda, else mps, else cpu) or a torch device.
    `dtype`: `auto` (float32 on CPU, bfloat16 on a GPU that has it, else float16) or one of DTYPES.
    `device_map`: handed to from_pretrained in place of `device`. `batch_rows`: most conversations that are
    answered together. `cache_gib`: most memory for keys and values of one batch, in GiB (rows are counted as
    if each wrote its longest answer). Both decide the batches, and so, through floating point, the answers.

    What `Sampling` says is all: penalties, top-k and temperature of the folder's generation_config.json are
    not applied, only its end tokens. Raises BadInput for anything that can't be loaded.
    """

    def __init__(
        self,
        path_or_name: str,
        *,
        name: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        device_map: Any = None,
        adapter: str | None = None,
        batch_rows: int = 256,
        cache_gib: float = 2.0,
    ) -> None:
        if batch_rows < 1 or cache_gib <= 0:
            raise BadInput(f"batch_rows and cache_gib must be positive, found {batch_rows} and {cache_gib}")
        if device_map is not None and device != "auto":
            raise BadInput("device and device_map can't both be given: a device map says it all")
        self.name = name or str(path_or_name)
        place = find(str(path_or_name), adapter)
        where = choose_device(device)
        precision = choose_dtype(dtype, where)
        self.tokenizer: Any = load_tokenizer(place, self.name)
        self.hf: Any = load_weights(place, self.name, where, precision, device_map)
        self.rendering = Rendering(self.tokenizer)
        self.templated = self.rendering.templated
        if not self.templated:
            log.warning("%s has no chat template: asked as plain text, `User: … Assistant:`", self.name)
        rendering = "template" if self.templated else text.PLAIN
        self.fingerprint = fingerprint(place, rendering, str(self.hf.dtype).removeprefix("torch."))
        self.batch_rows = batch_rows
        self._config = self.hf.config.get_text_config()
        self.budget = int(cache_gib * 2**30 / cache_bytes(self._config, self.hf.dtype))
        self.ends = end_tokens(self.hf, self.tokenizer)
        if not self.ends:
            log.warning("%s has no end token: every answer runs to max_new_tokens", self.name)
        self._hidden = hidden_tokens(self.tokenizer)

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        """The units of work, longest prompts first: at most `batch_rows`, and within the cache's memory."""
        return self._batches(self.render(chats), sampling)

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        """One reply for each conversation; a prompt that is too long for the model is an error of its own."""
        check_sampling(sampling)
        prompts = self.render(chats)
        replies: dict[int, Reply] = {}
        for batch in self._batches(prompts, sampling):
            replies.update(zip(batch, self._answer([prompts[i] for i in batch], sampling), strict=True))
        return [replies[i] for i in range(len(chats))]

    def chains(self, chats: Sequence[Chat], sampling: Sampling, seeds: Sequence[int]) -> list[list[Reply]]:
        """A reply for each conversation and each seed: what `generate` says with that seed, up to floating point.

        Each conversation is read once for all of its replies (at most `batch_rows` of them at a time), which pays
        where prompts are long and answers short. `chain_batches` are the units of work. Raises BadInput at
        temperature 0, where all the replies would be one.
        """
        check_sampling(sampling)
        if sampling.temperature == 0:
            raise BadInput(f"{len(seeds)} replies at temperature 0 are one reply {len(seeds)} times: set temperature")
        prompts = self.render(chats)
        found: list[list[Reply]] = [[] for _ in chats]
        for start in range(0, len(seeds), self.batch_rows):
            drawn = seeds[start : start + self.batch_rows]
            for batch in self._batches(prompts, sampling, len(drawn)):
                replies = self._answer([prompts[i] for i in batch], sampling, drawn)
                for place, i in enumerate(batch):
                    found[i] += replies[place * len(drawn) : (place + 1) * len(drawn)]
        return found

    def chain_batches(self, chats: Sequence[Chat], sampling: Sampling, count: int) -> list[list[int]]:
        """Indices of the conversations that `chains` answers together with `count` seeds; a pure function of these."""
        return self._batches(self.render(chats), sampling, min(count, self.batch_rows))

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        """Natural log-probability of each token of the continuations, from float32 log-softmax.

        The continuation's tokens are those that follow the prompt's when both are tokenized as one text.
        Where a token would straddle the boundary, the continuation is tokenized alone, as a model that has
        read the prompt would have written it.
        """
        pairs = self._pairs(texts)
        order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i][0]) - len(pairs[i][1]))
        found: list[list[float] | None] = [None] * len(texts)
        context = self.context
        fitting = [i for i in order if context is None or len(pairs[i][0]) + len(pairs[i][1]) <= context]
        rows = self._rows_of_logits([pairs[i] for i in fitting])
        for start in range(0, len(fitting), rows):
            batch = fitting[start : start + rows]
            for i, values in zip(batch, self.score([pairs[i] for i in batch]), strict=True):
                found[i] = values
        return found

    @property
    def context(self) -> int | None:
        """Longest text in tokens, prompt and answer together; None where the model sets no limit."""
        limit: int | None = getattr(self._config, "max_position_embeddings", None)
        return limit

    def render(self, chats: Sequence[Chat]) -> list[Rendered]:
        """The conversations as the model reads them. Raises BadInput where its template refuses one."""
        texts = self.rendering.chats(chats)
        return [Rendered(*pair) for pair in zip(texts, self.rendering.ids(texts), strict=True)]

    def _batches(self, prompts: Sequence[Rendered], sampling: Sampling, chains: int = 1) -> list[list[int]]:
        order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i].ids), prompts[i].text, i))
        batches: list[list[int]] = []
        most = 0
        for i in order:
            if not batches or len(batches[-1]) >= most:
                longest = min(len(prompts[i].ids) + sampling.max_new_tokens, self.context or sys.maxsize)
                most = max(1, min(self.batch_rows, self.budget // longest) // chains)
                batches.append([])
            batches[-1].append(i)
        return batches

    def _answer(
        self, prompts: Sequence[Rendered], sampling: Sampling, seeds: Sequence[int] | None = None
    ) -> list[Reply]:
        """Replies of one batch; with `seeds` one a prompt and seed, those of a prompt one after another."""
        drawn = [sampling.seed] if seeds is None else seeds
        room = [(self.context or sys.maxsize) - len(p.ids) for p in prompts]
        fit = [i for i, left in enumerate(room) if left > 0]
        limits = [min(sampling.max_new_tokens, room[i]) for i in fit]
        written: dict[int, Written] = {}
        said: dict[int, str] = {}
        if fit:
            rows = self._decode([prompts[i] for i in fit], limits, sampling, drawn)
            shown = [[token for token in row.tokens if token not in self._hidden] for row in rows]
            places = [i * len(drawn) + k for i in fit for k in range(len(drawn))]
            written = dict(zip(places, rows, strict=True))
            said = dict(zip(places, self.tokenizer.batch_decode(shown), strict=True))
        replied = [prompt for prompt in prompts for _ in drawn]
        return [self._reply(prompt, written.get(i), said.get(i, "")) for i, prompt in enumerate(replied)]

    def _decode(
        self, prompts: Sequence[Rendered], limits: list[int], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Written]:
        choose: Choose = greedy
        if sampling.temperature > 0:
            choose = sampler(
                [p.text for p in prompts for _ in seeds],
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=[seed for _ in prompts for seed in seeds],
                longest=max(limits),
                device=self.hf.device,
            )
        try:
            return decode(self.hf, [p.ids for p in prompts], limits, self.ends, choose, len(seeds))
        except torch.OutOfMemoryError as error:
            found = f"{len(prompts) * len(seeds)} conversations at once don't fit into the accelerator's memory"
            raise BadInput(f"{self.name}: {found}; lower batch_rows or cache_gib") from error

    def _reply(self, prompt: Rendered, written: Written | None, said: str) -> Reply:
        size = len(prompt.ids)
        if written is None:
            error = f"prompt of {size} tokens leaves no room for an answer; the model's limit is {self.context}"
            return Reply("", "error", size, 0, error=error)
        count = len(written.tokens) + written.ended
        if written.broken:
            error = f"the model's logits are not numbers in {self.hf.dtype}; try dtype float32"
            return Reply("", "error", size, count, error=error)
        if not self.templated:
            said = text.plain_answer(said)
        reasoning, answer = text.split_reasoning(said, opened=text.opens_reasoning(prompt.text))
        return Reply(answer, "stop" if written.ended else "length", size, count, reasoning=reasoning)

    def _pairs(self, texts: Sequence[tuple[Chat, str]]) -> list[tuple[list[int], list[int]]]:
        """Tokens of the rendered conversations and of the continuations after them."""
        prompts = self.render([chat for chat, _ in texts])
        words = [self.rendering.words(continuation) for _, continuation in texts]
        wholes = [(*p.pieces[:-1], p.pieces[-1] + w[0], *w[1:]) for p, w in zip(prompts, words, strict=True)]
        alone = self.rendering.ids(words, start=False)
        pairs: list[tuple[list[int], list[int]]] = []
        for prompt, whole, after in zip(prompts, self.rendering.ids(wholes), alone, strict=True):
            size = len(prompt.ids)
            pairs.append((prompt.ids, whole[size:] if whole[:size] == prompt.ids else after))
        return pairs

    def _rows_of_logits(self, pairs: Sequence[tuple[list[int], list[int]]]) -> int:
        """Rows whose float32 logits take at most 256 MiB."""
        longest = max((len(after) for _, after in pairs), default=0) + 1
        return max(1, min(self.batch_rows, 2**26 // (longest * int(self._config.vocab_size))))

    @torch.inference_mode()
    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
        """Log-probabilities of one batch; left-padded, so that the continuations end at the same place."""
        width = max(len(before) + len(after) for before, after in pairs)
        ids_BL = torch.zeros(len(pairs), width, dtype=torch.long)
        mask_BL = torch.zeros_like(ids_BL)
        for row, (before, after) in enumerate(pairs):
            start = width - len(before) - len(after)
            ids_BL[row, start:] = torch.tensor(before + after)
            mask_BL[row, start:] = 1
        longest = max(len(after) for _, after in pairs)
        logits_BLV = self._logits(ids_BL.to(self.hf.device), mask_BL.to(self.hf.device), longest + 1)
        logp_BLV = torch.log_softmax(full(logits_BLV[:, :-1]), dim=-1)
        target_BL1 = ids_BL[:, width - longest :, None].to(logp_BLV.device)
        scores = logp_BLV.gather(2, target_BL1).squeeze(2).tolist()
        return [row[longest - len(after) :] for row, (_, after) in zip(scores, pairs, strict=True)]

    def _logits(self, ids_BL: Tensor, mask_BL: Tensor, keep: int) -> Tensor:
        """Logits [B, keep, V] of the last `keep` positions, without cache."""
        known = accepted(self.hf)
        extra: dict[str, Any] = {"logits_to_keep": keep} if "logits_to_keep" in known else {}
        if "position_ids" in known:
            extra["position_ids"] = (mask_BL.cumsum(-1) - 1).clamp(min=0)
        logits: Tensor = self.hf(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False, **extra).logits
        return logits[:, -keep:]
