"""Preferences drawn from the student itself while it learns: TRL's DPOTrainer on pairs that are made step by step.

The start model is a LoRA adapter. Its frozen copy is the reference for the whole training: TRL makes that copy when
the trainer is made, so there is one trainer and not a new one for every round of samples, which would move it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, Sampling
from hansei.training.job import Job, is_finished, plan
from hansei.training.lessons import Encoded, encode, encode_prompts, fitting
from hansei.training.settings import PreferenceSettings, TrainSettings
from hansei.training.start import Start, load_start
from hansei.training.student import finish_student


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is compared with another."""

    text: str
    """The answer."""
    finished: bool = True
    """Whether it came to its end; the end of one that did not is neither rewarded nor punished."""
    ids: tuple[int, ...] | None = None
    """Its tokens as the student drew them: read anew, the text may have others, and more of them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one conversation."""

    prompt: Chat
    """What is answered."""
    chosen: Said
    """The better answer."""
    rejected: Said
    """The worse one."""


class Policy:
    """The student as it is at this step of its training."""

    def __init__(self, model: Any, start: Start, longest: int) -> None:
        """`longest`: most tokens of a prompt with its answer."""
        self._model, self._start, self._longest = model, start, longest

    def sample(self, chats: Sequence[Chat], count: int, sampling: Sampling) -> list[list[Said]]:
        """`count` answers to each conversation, all drawn at once; the same for the same weights and seed."""
        from hansei.models.decoding import decode, sampler

        ids = [row for row in encode_prompts(self._start.tokenizer, chats) for _ in range(count)]
        longest = self._longest - len(ending(self._start, chats[0]))
        room = [min(sampling.max_new_tokens, longest - len(row)) for row in ids]
        if min(room) < 1:
            found = f"max_length and the model's context allow {self._longest} tokens"
            raise BadInput(f"a prompt leaves no room for an answer: {found}")
        choose = sampler(
            [f"{i}" for i in range(len(ids))],  # a stream of random numbers for each answer
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            longest=max(room),
            device=self._model.device,
        )
        trained = self._model.training
        self._model.eval()
        written = decode(self._model, ids, room, sorted(self._start.ends or ()), choose)
        self._model.train(trained)
        texts = self._start.tokenizer.batch_decode([w.tokens for w in written], skip_special_tokens=True)
        said = [Said(text, w.ended, tuple(w.tokens)) for text, w in zip(texts, written, strict=True)]
        return [said[i : i + count] for i in range(0, len(said), count)]

    def move_reference(self) -> None:
        """Makes the student of now the reference of the steps to come (self-play); DITTO never does."""
        for name, parameter in self._model.named_parameters():
            if ".default." in name:
                self._model.get_parameter(name.replace(".default.", ".ref.")).data.copy_(parameter.data)


def ending(start: Start, chat: Chat) -> list[int]:
    """The tokens that the chat template puts after an answer: the end of the turn, and what follows it."""
    ((ids, answer),) = encode(start.tokenizer, [(chat, "a")], start.ends)
    first = next(i for i in range(answer, len(ids)) if ids[i] in (start.ends or ()))
    return ids[first:]


Draw = Callable[[int, Policy], Sequence[Pair]]
"""(optimiser step from 0, the student before it) -> the pairs of the step, as many as the settings' `batch`."""


def train_dpo_online(
    model_path: str,
    demonstrations: Sequence[Lesson],
    draw: Draw,
    given: Mapping[str, Any],
    settings: TrainSettings,
    out: Path,
    *,
    preference: PreferenceSettings,
    likelihood: float = 0.0,
) -> Path:
    """Trains the adapter `model_path` on on the pairs that `draw` gives; returns `out`, the student's folder.

    `given`: by which settings `draw` works, JSON-able; with `demonstrations` and the other settings they name the
    student, so that one that is there is not trained again. `likelihood`: weight of a second loss beside DPO's, the
    mean cross-entropy over the chosen answers' tokens, of each micro-batch by itself. A killed training starts again:
    its checkpoints would lack the samples of earlier students. Raises BadInput where the model is no adapter, and as
    `train_dpo` does.
    """
    if settings.save_every:
        raise BadInput("save_every: a training on its own samples can't go on from a checkpoint: set it to 0")
    if settings.too_long != "raise":
        raise BadInput("too_long: a step of a training on its own samples is always full: set it to raise")
    named = {**dataclasses.asdict(settings), **dataclasses.asdict(preference), "likelihood": likelihood, **given}
    job = plan("dpo-online", model_path, demonstrations, named, out)
    if job.place.adapter is None:
        raise BadInput(f"{model_path}: a LoRA adapter was expected, as its frozen copy is the reference")
    if not is_finished(job):
        _train(job, draw, settings, preference, likelihood)
    return job.out


def _train(job: Job, draw: Draw, settings: TrainSettings, preference: PreferenceSettings, likelihood: float) -> None:
    from trl import DPOConfig, DPOTrainer

    from hansei.training.fitting import arguments, dataset, fit, quiet

    class Drawing(DPOTrainer):  # type: ignore[misc]
        """TRL's own with batches that are drawn when their step comes; its data loaders read one batch ahead."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

        def get_train_dataloader(self) -> Any:
            policy = Policy(self.accelerator.unwrap_model(self.model), start, min(settings.max_length, start.context))
            return _Batches(job, draw, policy, start, settings, self.data_collator)

    losses = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, likelihood]} if likelihood else {}
    with quiet():
        start = load_start(job, settings)
        trainer = Drawing(
            model=start.model,
            args=arguments(DPOConfig, job, settings, start, beta=preference.beta, max_length=None, **losses),
            train_dataset=dataset([{"prompt_ids": [0], "chosen_ids": [0], "rejected_ids": [0]}]),  # never read
            processing_class=start.working_tokenizer(),
        )
        fit(trainer, job, settings, start, settings.batch)
        finish_student(job, trainer.model, start)


class _Batches:
    """Each optimiser step's pairs, in micro-batches; drawn when they are asked for, and no earlier."""

    def __init__(
        self, job: Job, draw: Draw, policy: Policy, start: Start, settings: TrainSettings, collate: Callable[..., Any]
    ) -> None:
        self.job, self.draw, self.policy = job, draw, policy
        self.start, self.settings, self.collate = start, settings, collate

    def __iter__(self) -> Iterator[Any]:
        micro = self.settings.micro_batch or self.settings.batch
        for step in range(self.settings.steps):
            pairs = self.draw(step, self.policy)
            if len(pairs) != self.settings.batch:
                raise ValueError(f"step {step}: {self.settings.batch} pairs were expected, found {len(pairs)}")
            same = sum(pair.chosen.text.strip() == pair.rejected.text.strip() for pair in pairs)
            self.job.facts["equal_pairs"] = self.job.facts.get("equal_pairs", 0) + same
            rows = self._rows(pairs)
            yield from (self.collate(rows[i : i + micro]) for i in range(0, len(rows), micro))

    def _rows(self, pairs: Sequence[Pair]) -> list[dict[str, list[int]]]:
        limit = min(self.settings.max_length, self.start.context)
        encoded = [self._side(pairs, name) for name in ("chosen", "rejected")]
        rows = list(zip(*encoded, strict=True))
        fitting(rows, lambda row: max(len(side.ids) for side in row), limit, self.settings, "pairs")
        cut = [(c, r, min(c.start, r.start)) for c, r in rows]
        return [{"prompt_ids": c.ids[:s], "chosen_ids": c.ids[s:], "rejected_ids": r.ids[s:]} for c, r, s in cut]

    def _side(self, pairs: Sequence[Pair], name: str) -> list[Encoded]:
        said: list[Said] = [getattr(pair, name) for pair in pairs]
        cases = [(pair.prompt, answer.text) for pair, answer in zip(pairs, said, strict=True)]
        told = encode(self.start.tokenizer, cases, self.start.ends)
        prompts = encode_prompts(self.start.tokenizer, [pair.prompt for pair in pairs])
        end = ending(self.start, pairs[0].prompt)
        return [_drawn(*row, end) for row in zip(told, prompts, said, strict=True)]


def _drawn(told: Encoded, prompt: list[int], answer: Said, end: list[int]) -> Encoded:
    """An answer in the tokens that it was drawn in, with the template's ending if it came to an end."""
    if answer.ids is None:
        return told
    return Encoded([*prompt, *answer.ids, *(end if answer.finished else [])], min(told.start, len(prompt)))
