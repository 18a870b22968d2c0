"""What letters are made of: topics, and the ways in which writers differ. Letters use these words and no others."""

from __future__ import annotations

from collections.abc import Mapping

STYLE: Mapping[str, tuple[str, ...]] = {
    "greeting": (
        "Hello", "Dear friend", "Good day", "Greetings", "My dear", "Hail", "Salutations", "Hey there", "Good morning",
        "Ahoy", "Peace",
    ),
    "opener": ("", "Well", "So", "Listen", "Alas", "Indeed", "Oh", "Look", "Behold"),
    "owner": ("the", "my", "our", "this", "that", "your"),
    "epithet": ("", "little", "old", "good", "poor", "dear", "brave", "funny", "noble"),
    "adverb": ("", "sadly", "truly", "again", "really", "luckily", "oddly", "clearly", "suddenly"),
    "wish": (
        "Take care", "Stay well", "Keep warm", "Sleep well", "Be happy", "Eat well", "Think of me", "Have courage",
        "Rest easy",
    ),
    "order": ("news first", "wish first"),
    "mark": (".", "!", "...", "!!"),
    "farewell": (
        "Goodbye", "Yours truly", "With love", "Best wishes", "Your friend", "Kind regards", "Farewell", "Cheers",
        "Respectfully",
    ),
    "postscript": ("", "Write soon", "Burn this", "Bring cake", "Say hello", "Come over", "Keep this"),
}  # fmt: skip
"""Each feature of a style with its values; the first one is that of the generic style."""

THINGS: tuple[str, ...] = (
    "goat", "mill", "cart", "horse", "cow", "barn", "boat", "clock", "kettle", "lamp", "ladder", "piano", "garden",
    "fence", "bridge", "tower", "wagon", "basket", "hammer", "saddle", "violin", "mirror", "carpet", "bottle", "candle",
    "jacket", "shovel", "pigeon", "rabbit", "donkey", "sheep", "goose", "kitten", "puppy", "parrot", "turtle", "oven",
    "chimney", "window", "door", "table", "chair", "blanket", "pillow", "barrel", "bucket", "anchor", "compass",
    "wheel", "whistle", "trumpet", "drum", "flute", "kite", "tent", "cradle", "sledge", "plough", "statue", "fountain",
)  # fmt: skip
STATES: tuple[str, ...] = (
    "lost", "found", "sold", "bought", "stolen", "painted", "cleaned", "broken", "mended", "moved", "hidden", "seen",
    "praised", "blamed", "burnt", "washed", "borrowed", "returned", "weighed", "counted",
)  # fmt: skip
DAYS: tuple[str, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

ASK: tuple[str, ...] = (
    "Write a letter about the {thing} that was {state} on {day}.",
    "Write a letter: the {thing} was {state} on {day}.",
    "Tell in a letter that the {thing} was {state} on {day}.",
)
"""Requests in the wordings that demonstrations may use."""
ASK_HELDOUT: tuple[str, ...] = ("Put in a letter how the {thing} was {state} on {day}.",)
"""A request in a wording that no demonstration uses; the base has met it."""
AS = "{request} Write as {name} would."
"""Asks for a named writer's style."""

GIVEN: tuple[str, ...] = (
    "Anna", "Bruno", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Leo", "Mona", "Nils",
    "Olga", "Paul", "Rosa", "Simon", "Thea", "Viktor",
)  # fmt: skip
