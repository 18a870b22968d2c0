"""What `hansei measure` can measure. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One of `hansei measure NAME`: it measures a model, a benchmark or a text of the user's."""

    name: str
    """What it is called on the command line."""
    help: str
    """What it tells, in a line."""
    run: str
    """`module:function`; its module's `Settings` are the command's options."""
    keeps: bool = False
    """Whether finished work is kept in the folder `--out`, so that the same command goes on with it."""


MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement(
        "exam",
        "An exam by its own rule: points, score and percentile, with and without questions seen in training.",
        "hansei.measuring.exams:run",
    ),
    Measurement(
        "calibration",
        "Whether a model is right as often as it says: reliability diagram, ECE, Brier score, AUROC.",
        "hansei.measuring.calibration:run",
    ),
    Measurement(
        "past-tense",
        "How often a model that refuses a request answers it when it is put into the past or future tense.",
        "hansei.safety.tense_measure:run",
        keeps=True,
    ),
    Measurement(
        "knowledge-map",
        "A model's accuracy by field of knowledge with its uncertainty, as a map.",
        "hansei.measuring.knowledge_map:run",
        keeps=True,
    ),
    Measurement(
        "deception",
        "How often a trading agent under pressure acts on an insider tip, hides it from its manager, and denies it.",
        "hansei.safety.deception:run",
        keeps=True,
    ),
    Measurement(
        "code",
        "Whether a model's programs pass their tests (pass@k), run in a sandbox: HumanEval, MBPP, your own tasks.",
        "hansei.measuring.code:run",
        keeps=True,
    ),
    Measurement(
        "multiple-choice",
        "Whether a model's answers to multiple-choice questions hold over variants of each question.",
        "hansei.measuring.multiple_choice:run",
        keeps=True,
    ),
    Measurement(
        "contamination",
        "Whether a training set holds the test set, and whether a model has read it.",
        "hansei.measuring.contamination:run",
        keeps=True,
    ),
    Measurement(
        "llm-use",
        "The share of sentences in a text that a language model has modified.",
        "hansei.measuring.llm_use:run",
        keeps=True,
    ),
    Measurement(
        "judge",
        "How often a judge is right, against labels; and a run's rates corrected for its errors.",
        "hansei.measuring.judge:run",
        keeps=True,
    ),
    Measurement(
        "verdicts",
        "Released verdicts of several judges: success rates recomputed, and how often the judges disagree.",
        "hansei.measuring.verdicts:run",
    ),
    Measurement(
        "judge-injection",
        "How often a judge's word is turned by verdicts, role markers and instructions inserted into the answers.",
        "hansei.measuring.judge_injection:run",
        keeps=True,
    ),
    Measurement(
        "token-cost",
        "What the same content costs in each language with a tokenizer.",
        "hansei.measuring.token_cost:run",
    ),
    Measurement(
        "science",
        "What a model knows of five sciences: names against SMILES and FASTA, numbers against neighbours, validity.",
        "hansei.measuring.science:run",
        keeps=True,
    ),
    Measurement(
        "scaling",
        "How loss and pass rate fall with compute over your runs, what more would give, and whether the law held.",
        "hansei.measuring.scaling:run",
    ),
    Measurement(
        "suite",
        "A model's abilities one by one, by a suite file that names what measures each; what nothing measures is said.",
        "hansei.measuring.suite:run",
        keeps=True,
    ),
    Measurement(
        "rule-based-rewards",
        "Reinforcement that rewards refusing the harmful and answering the safe, against refusals alone, in the town.",
        "hansei.safety.rule_based:run",
        keeps=True,
    ),
    Measurement(
        "concept-geometry",
        "Whether concepts of a hierarchy are directions of a model's unembedding, told by held-out words.",
        "hansei.inside.concept_geometry:run",
    ),
)
