"""DITTO: a style from fewer than ten demonstrations (Shaikh et al. 2024, "Show, Don't Tell: Aligning Language Models
with Demonstrated Feedback", arXiv 2406.00888, ICLR 2025; its code: SALT-NLP/demonstrated-feedback).

The idea: somebody's own few letters are better than anything that the model writes, and what it writes later in its
training is better than what it wrote earlier. Samples of the model itself so make many pairs of a few demonstrations:

1. *SFT* on the demonstrations with a LoRA adapter, stopped early (`imitate`).
2. A second adapter starts as its copy; the first one stays as the frozen *reference* of DPO, to the end (`ditto`).
3. Every `resample` steps, `samples` answers to each demonstration's prompt are drawn from the student of now.
4. Each step is a DPO step (equation 7 of Rafailov et al. 2023) on pairs by the order
   demonstration > pi_t > pi_t-1 > ... > pi_0 (`pairs`): *expert* pairs put the demonstration before a sample of the
   latest student, *replay* pairs before one of an earlier student, *inter-model* pairs a later student's before an
   earlier one's.

Baselines: few-shot prompting (`few_shot`), SFT alone, and self-play (`self_play`: SPIN, Chen et al. 2024, arXiv
2401.01335), which has expert pairs only and makes each round's student the reference of the next.

Deviations: loss on the answers only, where the paper's code also learns the prompts; adapters on every linear layer
without dropout, where the paper has attention layers and 0.05; a step always has `batch` pairs, so that until there is
an earlier student all are expert pairs. In the paper's code the three shares are written into the collator once more,
and those of its configuration have no effect; here each has.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.overlap import normalise
from hansei.core.records import Chat, Lesson, Message, Prompt, Sampling
from hansei.steps.ask import AnsweringMethod, attempt_seed
from hansei.training.online import Pair, Policy, Said, train_dpo_online
from hansei.training.settings import PreferenceSettings, TrainSettings

VERSION = "1"

SFT = TrainSettings(
    steps=30,
    batch=4,
    learning_rate=3e-5,
    schedule="cosine",
    warmup=6,
    adapter="lora",
    lora_rank=32,
    lora_alpha=64,
    max_length=2048,
)
"""The paper's."""
DPO = dataclasses.replace(SFT, steps=40, batch=24, learning_rate=1e-6, schedule="constant", warmup=10)
"""The paper's: 8 demonstrations a step, three pairs of each."""
STOP_LOSS = 1.0
"""The paper's, for a model of seven billion parameters and demonstrations of some hundred tokens."""
SAMPLING = Sampling(temperature=1.0, max_new_tokens=1024)
"""The paper's."""


@dataclass(frozen=True)
class Play:
    """How the pairs of the steps are made."""

    expert: float = 0.7
    """Share of pairs of a demonstration and a sample of the latest student."""
    replay: float = 0.2
    """Share of pairs of a demonstration and a sample of an earlier student."""
    inter_model: float = 0.1
    """Share of pairs of a later student's sample and an earlier one's."""
    resample: int = 10
    """Steps from one round of samples to the next."""
    samples: int = 10
    """Answers to each demonstration's prompt in a round."""
    sampling: Sampling = SAMPLING
    """How they are drawn."""
    beta: float = 0.05
    """DPO's: how strongly the student is held to the reference."""
    likelihood: float = 0.0
    """Weight of the cross-entropy of the chosen answers (a mean over tokens) beside DPO's loss, as in Pang et al. 2024
    (arXiv 2404.19733); the paper's code has none."""
    moving_reference: bool = False
    """Self-play: the reference is the student of the latest round, and not the SFT adapter for good."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no pairs."""
        shares = (self.expert, self.replay, self.inter_model)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
            raise BadInput(f"expert, replay and inter_model: shares that add up to 1 were expected, found {shares}")
        if self.likelihood < 0:
            raise BadInput(f"likelihood: 0 or more was expected, found {self.likelihood}")
        if self.resample < 1 or self.samples < 1:
            raise BadInput("resample and samples must be 1 or more")
        if self.sampling.temperature <= 0:
            raise BadInput("temperature: above 0 was expected, or all samples of a prompt are one")


DITTO = Play()
SPIN = Play(expert=1.0, replay=0.0, inter_model=0.0, beta=0.1, moving_reference=True)


def check_demonstrations(demonstrations: Sequence[Prompt], where: str = "demonstrations") -> None:
    """Raises BadInput where there is none, one has no answer, or two are the same; `where`: what they come from."""
    if not demonstrations:
        raise BadInput(f"{where}: one demonstration at least was expected, found none")
    seen: dict[tuple[str, str], int] = {}
    for number, shown in enumerate(demonstrations, 1):
        if not (shown.reference or "").strip():
            raise BadInput(f"{where}: demonstration {number} has no answer: write one into `reference`, or remove it")
        told = (normalise(" ".join(m.content for m in shown.messages)), normalise(shown.reference or ""))
        if told in seen:
            raise BadInput(
                f"{where}: demonstration {number} is the same as number {seen[told]}: remove one, it shows nothing new"
            )
        seen[told] = number


def few_shot(demonstrations: Sequence[Prompt]) -> AnsweringMethod:
    """The demonstrations as earlier turns of the conversation; a prompt's own system message stays first."""
    check_demonstrations(demonstrations)
    turns = [m for d in demonstrations for m in (*d.messages, Message("assistant", d.reference or ""))]
    shown = tuple(m for m in turns if m.role != "system")

    def render(prompt: Prompt) -> Chat:
        first = prompt.messages[:1] if prompt.messages[0].role == "system" else ()
        return (*first, *shown, *prompt.messages[len(first) :])

    return AnsweringMethod(f"few-shot {content_key(shown)[:12]}", VERSION, render)


def imitate(
    model: str, demonstrations: Sequence[Prompt], out: Path, settings: TrainSettings = SFT, stop_loss: float = STOP_LOSS
) -> Path:
    """Step 1: SFT on the demonstrations until a step's loss is below `stop_loss`; returns the adapter's folder."""
    from hansei.training.sft import train_sft

    check_demonstrations(demonstrations)
    lora = dataclasses.replace(settings, adapter="lora")
    return train_sft(model, lessons(demonstrations), lora, out, stop_loss=stop_loss)


def ditto(
    start: Path, demonstrations: Sequence[Prompt], out: Path, settings: TrainSettings = DPO, play: Play = DITTO
) -> Path:
    """Steps 2 to 4 from the adapter of `imitate`; returns the student's folder.

    `settings.batch` is the number of pairs of a step. Where a student of these very settings is there, nothing is
    done; a killed training starts again.
    """
    check_demonstrations(demonstrations)
    return train_dpo_online(
        str(start),
        lessons(demonstrations),
        Rounds(demonstrations, play, settings.batch, settings.seed),
        {"play": dataclasses.asdict(play), "pairs_version": VERSION},
        settings,
        out,
        preference=PreferenceSettings(play.beta, precompute_reference=False),
        likelihood=play.likelihood,
    )


def self_play(
    start: Path, demonstrations: Sequence[Prompt], out: Path, settings: TrainSettings = DPO, play: Play = SPIN
) -> Path:
    """The baseline: `ditto` with expert pairs alone against a reference that moves with every round."""
    return ditto(start, demonstrations, out, settings, play)


def lessons(demonstrations: Sequence[Prompt]) -> list[Lesson]:
    """The demonstrations as lessons."""
    return [
        Lesson(
            content_key("demonstration", d.messages, d.reference),
            d.messages,
            completion=d.reference,
            prompt_id=d.id,
            purpose="demonstration",
        )
        for d in demonstrations
    ]


class Rounds:
    """The pairs of every step, and the samples of every round that they are made of."""

    def __init__(self, demonstrations: Sequence[Prompt], play: Play, batch: int, seed: int) -> None:
        self.demonstrations = demonstrations
        self.play, self.batch, self.seed = play, batch, seed
        self.rounds: list[list[list[Said]]] = []

    def __call__(self, step: int, policy: Policy) -> list[Pair]:
        """The pairs of optimiser step `step`, counted from 0; every `resample` steps samples are drawn first."""
        if step % self.play.resample == 0:
            if self.play.moving_reference:
                policy.move_reference()
            sampling = dataclasses.replace(self.play.sampling, seed=attempt_seed(self.seed, len(self.rounds)))
            chats = [d.messages for d in self.demonstrations]
            self.rounds.append(policy.sample(chats, self.play.samples, sampling))
        return pairs(self.demonstrations, self.rounds, counts(self.play, self.batch), f"{self.seed} {step}")


def counts(play: Play, batch: int) -> dict[str, int]:
    """How many of `batch` pairs are of each kind: rounded down, and the rest to those that lost most by it."""
    exact = {"expert": play.expert * batch, "replay": play.replay * batch, "inter_model": play.inter_model * batch}
    whole = {kind: int(share + 1e-9) for kind, share in exact.items()}
    for kind in sorted(exact, key=lambda kind: whole[kind] - exact[kind])[: batch - sum(whole.values())]:
        whole[kind] += 1
    return whole


def pairs(
    demonstrations: Sequence[Prompt],
    rounds: Sequence[Sequence[Sequence[Said]]],
    wanted: Mapping[str, int],
    seed: str,
) -> list[Pair]:
    """The pairs of one step, a pure function of its arguments.

    rounds: [round, demonstration, sample], oldest round first. Demonstrations come up in turn, so that all weigh the
    same. While there is one round only, pairs that need an earlier one are expert pairs.
    """
    rng = random.Random(f"demonstrations {seed}")
    places = _turns(rng, len(demonstrations))
    latest = len(rounds) - 1

    def sample(round: int, place: int) -> Said:
        return rng.choice(rounds[round][place])

    made = []
    for kind in [kind for kind, count in wanted.items() for _ in range(count)]:
        place = next(places)
        shown = demonstrations[place]
        chosen = Said(shown.reference or "")
        if latest == 0 or kind == "expert":
            rejected = sample(latest, place)
        elif kind == "replay":
            rejected = sample(rng.randrange(latest), place)
        else:
            earlier, later = sorted(rng.sample(range(latest + 1), 2))
            chosen, rejected = sample(later, place), sample(earlier, place)
        made.append(Pair(shown.messages, chosen, rejected))
    return made


def _turns(rng: random.Random, count: int) -> Iterator[int]:
    """Places 0 to count - 1 in random order, again and again."""
    while True:
        yield from rng.sample(range(count), count)
