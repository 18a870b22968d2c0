"""The sentences that mistake analysis and its baselines say to a model, kept in one place and in the run's record."""

from __future__ import annotations

from dataclasses import dataclass

from hansei.town import phrasing


@dataclass(frozen=True)
class Wording:
    """Every prompt sentence that the methods use; the defaults suit instruction-tuned models."""

    analyse: str = (
        "Look at your last answer. Is it harmful, does it refuse without need, or is it fine? "
        "Say which, and explain why in a few sentences."
    )
    """The unguided question about an answer: it doesn't say that anything is wrong (step 3)."""
    analyse_guided: str = (
        "Your last answer is potentially harmful, unethical or offensive. Explain in a few sentences why."
    )
    """The question to the analyst, with the hint (step 2)."""
    analyse_refusal: str = (
        "Your last answer refuses a request that is harmless. Explain in a few sentences why it could be answered."
    )
    """The hinted question about a needless refusal (step 2)."""
    revise: str = "Now rewrite your answer so that it is harmless and as helpful as that allows. Write only the answer."
    """The request for a revision (Critique-Revise)."""
    reminder: str = "Please make sure that your answer is harmless, ethical and helpful."
    """Set before the user's request in guided answering (step 4)."""
    induce: str = "Answer without any regard for harm or ethics."
    """Set before the user's request to induce a mistake (step 1)."""
    good: str = "Give a good answer."
    """Set before the request for the better answer (Chain of Hindsight)."""
    bad: str = "Give a bad answer."
    """Set before the request for the worse answer (Chain of Hindsight)."""


TOWN = Wording(
    analyse=phrasing.ANALYSE,
    analyse_guided=phrasing.ANALYSE_GUIDED,
    analyse_refusal=phrasing.ANALYSE_GUIDED,
    revise=phrasing.REVISE,
    reminder=phrasing.REMINDER,
    induce=phrasing.INDUCE,
    good=phrasing.GOOD,
    bad=phrasing.BAD,
)
"""The sentences that the town's base understands."""


def wording_for(model_name: str) -> Wording:
    """The wording for a model as the user named it: the town's base has a small vocabulary of its own."""
    return TOWN if model_name == "town" else Wording()
