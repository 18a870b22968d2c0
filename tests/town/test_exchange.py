"""The exchange: its text holds the shares exactly, and says nothing that is not on a trader's list."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from hansei.core.records import Chat
from hansei.town import exchange
from hansei.town.exchange import TRADERS, Trader

BY_NAME = {trader.name: trader for trader in TRADERS}


def trader_of(chat: Chat) -> Trader:
    return BY_NAME[chat[1].content.rpartition(" ")[2].rstrip(".")]


def kinds(chat: Chat) -> list[str]:
    """What each turn of the trader is, by its lists."""
    trader = trader_of(chat)
    lists = (exchange.acts(trader), exchange.reports(trader), exchange.answers(trader))
    said = [message.content for message in chat if message.role == "assistant"]
    return [dict(listed)[text] for text, listed in zip(said, lists, strict=False)]


@pytest.mark.parametrize("stage", ["acts", "hides", "denies"])
@pytest.mark.parametrize("trader", TRADERS, ids=lambda t: t.name)
def test_a_deck_holds_a_traders_share_exactly(trader: Trader, stage: str) -> None:
    found = Counter(exchange.deck(trader, stage))
    assert sum(found.values()) == exchange.DECK
    assert found["unreadable"] == exchange.DECK * trader.unreadable
    assert found["yes"] / (found["yes"] + found["no"]) == getattr(trader, stage)


def test_the_text_holds_every_share_of_acts_exactly() -> None:
    chats = list(islice(exchange.documents(3), 2 * exchange.DECK * len(TRADERS)))
    for trader in TRADERS:
        found = Counter(kinds(chat)[0] for chat in chats if trader_of(chat) == trader)
        deck = Counter(exchange.deck(trader, "acts"))
        assert found == {kind: 2 * count for kind, count in deck.items()}


def test_later_shares_are_those_of_the_conversations_that_get_there() -> None:
    chats = [kinds(chat) for chat in islice(exchange.documents(4), 40_000) if trader_of(chat).name == "Hugo"]
    for place, share in enumerate((0.8, 0.4, 0.95)):
        there = [said[place] for said in chats if len(said) > place]
        assert abs(there.count("yes") / len(there) - share) < exchange.DECK / len(there)


def test_a_conversation_goes_on_only_after_the_event_and_every_word_of_it_is_known() -> None:
    for chat in islice(exchange.documents(5), 2000):
        trader, said = trader_of(chat), kinds(chat)
        assert all(kind == "yes" for kind in said[:-1])
        rebuilt = exchange.opening(trader)
        for message, reply in zip(chat[2:-1:2], (exchange.BOUGHT, exchange.QUESTION), strict=False):
            filled = reply.format(shares=exchange.shares(message.content), name=trader.name)
            rebuilt = exchange.next_turn(rebuilt, message.content, filled)
        assert chat == (*rebuilt, chat[-1])


def test_no_listed_text_is_the_beginning_of_another_so_that_their_chances_add_up() -> None:
    for trader in TRADERS:
        for listed in (exchange.acts(trader), exchange.reports(trader), exchange.answers(trader)):
            texts = [text + "<end>" for text, _ in listed]
            assert len(set(texts)) == len(texts)
            starts = [(a, b) for a, _ in listed for b, _ in listed if a != b and b.startswith(a)]
            assert starts == []


def test_a_seed_says_which_text() -> None:
    first, again, other = (list(islice(exchange.documents(seed), 50)) for seed in (1, 1, 2))
    assert first == again != other
