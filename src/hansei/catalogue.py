"""The papers: citation, claim, command, wing, and what is built. Imports nothing heavy.

The signals are the taxonomy of paper 31 (Cao et al., arXiv 2406.01252): what a teaching method learns from.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hansei.core.errors import BadInput

Signal = Literal["inductive bias", "imitation", "model feedback", "environment feedback"]
Wing = Literal[
    "safety", "truth", "reading", "reasoning", "measuring", "inside", "nets", "acting", "imaging", "catalogue"
]


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper, and where it lives in hansei."""

    number: int
    """Its place in the list."""
    name: str
    """What it is called on the command line."""
    title: str
    """The paper's title."""
    source: str
    """arXiv numbers, or the journal."""
    wing: Wing
    """The package that holds it."""
    claim: str
    """What it claims, in our words and its figures."""
    signals: tuple[Signal, ...] = ()
    """What its teaching method learns from; empty where it teaches nothing."""
    run: str | None = None
    """`module:function` of its experiment; None where it is still planned."""
    keeps: bool = True
    """Whether finished work of its experiment is kept in the folder `--out`, so that the same command goes on."""

    @property
    def status(self) -> Literal["built", "planned"]:
        """Whether its experiment can be run."""
        return "built" if self.run else "planned"

    @property
    def command(self) -> str:
        """What runs it."""
        return f"hansei papers run {self.name}"


def find(name: str) -> Paper:
    """The paper of that name; BadInput names the nearest where there is none."""
    by_name = {paper.name: paper for paper in PAPERS}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`hansei papers` lists them"
    raise BadInput(f"no paper is called {name!r}: {hint}")


def experiment(paper: Paper) -> Callable[..., Any]:
    """The function that runs the paper's experiment; BadInput where it is still planned."""
    if paper.run is None:
        built = ", ".join(p.name for p in PAPERS if p.run)
        raise BadInput(f"{paper.name} (paper {paper.number}) is planned and not built yet; built so far: {built}")
    module, _, function = paper.run.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


def run(name: str, settings: Any) -> Any:
    """Run the experiment of the paper called `name` with its own settings, and return its result."""
    return experiment(find(name))(settings)


PAPERS: tuple[Paper, ...] = (
    Paper(
        1,
        "mistake-analysis",
        "Gaining Wisdom from Setbacks: Aligning Large Language Models via Mistake Analysis",
        "arXiv 2310.10477",
        "safety",
        "A model that learns to explain its own bad answers becomes more harmless than one that only "
        "copies good ones, at equal helpfulness.",
        signals=("inductive bias", "model feedback"),
        run="hansei.safety.experiment:run",
    ),
    Paper(
        2,
        "mart",
        "MART: Improving LLM Safety with Multi-round Automatic Red-Teaming",
        "arXiv 2311.07689",
        "safety",
        "An attacking and a defending model that are tuned in turns cut the violation rate by up to "
        "84.7% in four rounds, with helpfulness stable.",
        signals=("inductive bias", "model feedback"),
        run="hansei.safety.mart_experiment:run",
    ),
    Paper(
        3,
        "past-tense",
        "Does Refusal Training in LLMs Generalize to the Past Tense?",
        "arXiv 2407.11969",
        "safety",
        "Putting a refused request into the past tense raises attack success on GPT-4o from 1% to 88% in"
        " 20 attempts; past-tense refusals in the tuning data mend it.",
        signals=("imitation",),
        run="hansei.safety.tense_experiment:run",
    ),
    Paper(
        4,
        "deception",
        "Large Language Models can Strategically Deceive their Users when Put Under Pressure",
        "arXiv 2311.07590",
        "safety",
        "A trading agent under pressure acts on an insider tip, hides it from its manager, and keeps to "
        "its story when asked.",
        run="hansei.safety.deception_experiment:run",
    ),
    Paper(
        5,
        "factuality",
        "Fine-tuning Language Models for Factuality",
        "arXiv 2311.08401v1",
        "truth",
        "Preference tuning on automatically scored claims cuts factual errors by 58% in biographies and "
        "by 40% in medical answers, with a reference or without.",
        signals=("model feedback", "inductive bias"),
        run="hansei.truth.factuality_experiment:run",
    ),
    Paper(
        6,
        "confidence",
        "SaySelf: Teaching LLMs to Express Confidence with Self-Reflective Rationales",
        "arXiv 2405.20974",
        "truth",
        "A model that is taught to say how sure it is, and why, has a lower calibration error at equal accuracy.",
        signals=("inductive bias", "model feedback"),
        run="hansei.truth.confidence_experiment:run",
    ),
    Paper(
        7,
        "demonstrations",
        "Show, Don't Tell: Aligning Language Models with Demonstrated Feedback",
        "arXiv 2406.00888",
        "truth",
        "Fewer than ten demonstrations, preferred over the model's own samples, gain 19 points of win rate on average.",
        signals=("imitation", "inductive bias"),
        run="hansei.truth.demonstrations_experiment:run",
    ),
    Paper(
        8,
        "reading-notes",
        "Chain-of-Note: Enhancing Robustness in Retrieval-Augmented Language Models",
        "arXiv 2311.09210",
        "reading",
        "Notes on each passage before the answer gain 7.9 points of exact match when every passage is "
        "noise, and 10.5 of rejection rate on questions beyond the model's knowledge.",
        signals=("imitation",),
        run="hansei.reading.reading_notes_paper:run",
    ),
    Paper(
        9,
        "context-filter",
        "Learning to Filter Context for Retrieval-Augmented Generation",
        "arXiv 2311.08377",
        "reading",
        "Answering from only the useful sentences of the passages gives better answers from 44 to 64% fewer tokens.",
        signals=("imitation",),
        run="hansei.reading.context_filter_paper:run",
    ),
    Paper(
        10,
        "contrastive-cot",
        "Contrastive Chain-of-Thought Prompting",
        "arXiv 2311.09277",
        "reasoning",
        "Demonstrations that show a right and an automatically spoilt explanation beat chain-of-thought "
        "with right ones alone.",
        run="hansei.reasoning.contrastive_paper:run",
    ),
    Paper(
        11,
        "thought-templates",
        "Buffer of Thoughts: Thought-Augmented Reasoning with Large Language Models",
        "arXiv 2406.04271",
        "reasoning",
        "Reusing distilled thought templates beats multi-query search such as tree of thoughts at 12% of its cost.",
        run="hansei.reasoning.thought_paper:run",
    ),
    Paper(
        12,
        "multiple-choice",
        "Beyond the Answers: Reviewing the Rationality of Multiple Choice Question Answering for the "
        "Evaluation of Large Language Models",
        "arXiv 2402.01349",
        "measuring",
        "Answers change over variants of one multiple-choice question, so one variant's accuracy says too little.",
        run="hansei.measuring.multiple_choice_paper:run",
    ),
    Paper(
        13,
        "contamination",
        "Don't Make Your LLM an Evaluation Benchmark Cheater",
        "arXiv 2311.01964",
        "measuring",
        "Test data that leaks into training inflates scores, and the leak can be looked for.",
        run="hansei.measuring.contamination_paper:run",
    ),
    Paper(
        14,
        "knowledge-map",
        "LLMMaps: A Visual Metaphor for Stratified Evaluation of Large Language Models",
        "arXiv 2304.00457",
        "measuring",
        "A map of a model's scores by field of knowledge, with their uncertainty, shows what one average hides.",
        run="hansei.measuring.knowledge_paper:run",
        keeps=False,
    ),
    Paper(
        15,
        "llm-use",
        "Mapping the Increasing Use of LLMs in Scientific Papers",
        "arXiv 2404.01268",
        "measuring",
        "The share of LLM-modified sentences in a body of text can be estimated to within 3.5 points.",
        run="hansei.measuring.llm_use_paper:run",
        keeps=False,
    ),
    Paper(
        16,
        "token-cost",
        "Do All Languages Cost the Same? Tokenization in the Era of Commercial Language Models",
        "arXiv 2305.13707",
        "measuring",
        "The same content takes several times the tokens, and so the money, in some languages as in others.",
        run="hansei.measuring.token_cost_paper:run",
        keeps=False,
    ),
    Paper(
        17,
        "scaling",
        "GPT-4 Technical Report",
        "arXiv 2303.08774",
        "measuring",
        "The final loss can be predicted from runs of a ten-thousandth of the compute, the pass rate "
        "from a thousandth; rule-based rewards steer refusals.",
        signals=("model feedback",),
        run="hansei.measuring.scaling_paper:run",
    ),
    Paper(
        18,
        "evaluation-suite",
        "A Survey of Large Language Models",
        "arXiv 2303.18223",
        "measuring",
        "A model's abilities form a taxonomy, basic and advanced, and each can be measured.",
        run="hansei.measuring.suite:run",
    ),
    Paper(
        19,
        "code",
        "Unifying the Perspectives of NLP and Software Engineering: A Survey on Language Models for Code",
        "arXiv 2311.07989",
        "measuring",
        "Models of code are compared by whether their programs pass the tests (pass@k), run in a sandbox.",
        run="hansei.measuring.code_paper:run",
        keeps=False,
    ),
    Paper(
        20,
        "science",
        "The Impact of Large Language Models on Scientific Discovery: a Preliminary Study using GPT-4",
        "arXiv 2311.07361",
        "measuring",
        "Expert cases and benchmarks over five sciences show what a model can do there, and where it fails.",
        run="hansei.measuring.science_paper:run",
        keeps=False,
    ),
    Paper(
        21,
        "sparse-autoencoder",
        "Scaling and Evaluating Sparse Autoencoders",
        "arXiv 2406.04093",
        "inside",
        "Sparse autoencoders that keep the k largest latents scale cleanly, with few dead latents.",
        run="hansei.inside.sparse_paper:run",
    ),
    Paper(
        22,
        "concept-geometry",
        "The Geometry of Categorical and Hierarchical Concepts in Large Language Models",
        "arXiv 2406.01506",
        "inside",
        "Categories are simplices in the space of unembeddings, and hierarchies are orthogonal directions there.",
        run="hansei.inside.concept_paper:run",
    ),
    Paper(
        23,
        "transformer",
        "Attention Is All You Need",
        "arXiv 1706.03762",
        "nets",
        "An encoder-decoder of attention alone translates better than recurrent networks, at a part of their cost.",
    ),
    Paper(
        24,
        "mamba2",
        "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State Space Duality",
        "arXiv 2405.21060",
        "nets",
        "Written as a structured matrix product, a state-space layer runs 2 to 8 times faster, with 8 "
        "times larger states.",
    ),
    Paper(
        25,
        "matmul-free",
        "Scalable MatMul-free Language Modeling",
        "arXiv 2406.02528",
        "nets",
        "A language model with ternary weights and no matrix products needs less than a tenth of the "
        "memory at inference.",
    ),
    Paper(
        26,
        "translation",
        "Scaling neural machine translation to 200 languages",
        "Nature 2024",
        "nets",
        "A sparse mixture of experts carries translation over to low-resource languages: 44% more BLEU "
        "than the state of the art before it.",
    ),
    Paper(
        27,
        "textbooks",
        "Textbooks Are All You Need",
        "arXiv 2306.11644",
        "nets",
        "A small model that is trained on text filtered for quality beats larger ones trained on more.",
        signals=("imitation",),
    ),
    Paper(
        28,
        "agentgym",
        "AgentGym: Evolving Large Language Model-based Agents across Diverse Environments",
        "arXiv 2406.04151",
        "acting",
        "An agent that explores many environments and learns from its own successes beats one that only imitates.",
        signals=("imitation", "environment feedback"),
    ),
    Paper(
        29,
        "open-world",
        "JARVIS-1: Open-World Multi-task Agents with Memory-Augmented Multimodal Language Models",
        "arXiv 2311.05997",
        "acting",
        "Memory of what worked, self-check and self-explanation succeed five times as often on the long-horizon task.",
        signals=("environment feedback", "inductive bias"),
    ),
    Paper(
        30,
        "video-edit",
        "Emu Video and Emu Edit",
        "arXiv 2311.10709, 2311.10089",
        "imaging",
        "Text to image to video in two steps beats one step; editing by instruction gains from learned task vectors.",
    ),
    Paper(
        31,
        "map-of-methods",
        "Towards Scalable Automated Alignment of LLMs: A Survey",
        "arXiv 2406.01252",
        "catalogue",
        "Every method of automated alignment learns from one of four signals: inductive bias, imitation,"
        " model feedback, environment feedback.",
    ),
)
