"""The library's shipped base does what its district needs of it."""

from __future__ import annotations

from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.town import library_phrasing as say
from hansei.town.library_prompts import Case, prompts, render


def test_a_name_never_met_is_looked_up_and_the_sentence_is_said_as_the_passage_has_it() -> None:
    base = load("town:library", device="cpu")
    asked = prompts(Case("heldout"), 12)
    replies = base.generate([user(render(p)) for p in asked], Sampling(max_new_tokens=32))
    right = [
        reply.text == say.answer(str(p.reference), str((p.truth or {})["fact"]))
        for p, reply in zip(asked, replies, strict=True)
    ]
    assert sum(right) >= 8


def test_it_tells_whom_it_knows_after_passages_about_others() -> None:
    base = load("town:library", device="cpu")
    asked = [p for about in ("known", "guest") for p in prompts(Case("heldout", about=about, noise=1.0), 12)]  # type: ignore[arg-type]
    chats = [
        user(say.render([p["text"] for p in (q.truth or {})["passages"]], say.ACQUAINTED.format(name=q.tags["entity"])))
        for q in asked
    ]
    replies = base.generate(chats, Sampling(max_new_tokens=16))
    right = [reply.text == (q.truth or {})["memory"] for q, reply in zip(asked, replies, strict=True)]
    assert sum(right) >= 20
