"""`demo`: the loop on the town, as a user would run it on their own model and prompts."""

from __future__ import annotations

from hansei.loop.flow import learn
from hansei.loop.learned import Learned
from hansei.loop.settings import DemoSettings, LearnSettings
from hansei.loop.work import Say, tell


def demo(settings: DemoSettings, say: Say = tell) -> Learned:
    """Teaches the shipped model by mistake analysis, and by plain SFT from the same mistakes.

    Measured on items, phrasings, attack wordings and a harm category that no lesson knows, by the exact judge.
    """
    return learn(
        LearnSettings(
            model="town",
            prompts="town",
            judge="town",
            method="mistake-analysis",
            baseline="sft",
            out=settings.out,
            seed=settings.seed,
            steps=settings.steps,
            learning_rate=settings.learning_rate,
            max_new_tokens=48,
            packing=True,
            device="cpu",
            dry_run=settings.dry_run,
        ),
        say,
    )
