"""The words that the library's people and books are named and told with; nearly all are one token of its base.

Names are made of few words in new combinations, so that a name that the base has never met is nothing but two
tokens that it knows: what has to be learnt is looking up, not spelling.
"""

from __future__ import annotations

from hansei.town.registry_words import GIVEN as _GIVEN
from hansei.town.registry_words import VALUES as _VALUES

GIVEN: tuple[str, ...] = _GIVEN[:64]
FAMILY: tuple[str, ...] = (
    "Ash", "Bank", "Barn", "Bell", "Bird", "Bond", "Brook", "Bush", "Cole", "Cook", "Cross", "Dale", "Day", "Dean",
    "Drake", "Field", "Finch", "Fish", "Flint", "Ford", "Frost", "Gold", "Grant", "Gray", "Green", "Hall", "Hart",
    "Hay", "Hill", "Holt", "Hunt", "Key", "King", "Lake", "Lane", "Lark", "Law", "Lock", "Long", "March", "Marsh",
    "May", "Moon", "Moss", "North", "Page", "Park", "Peck", "Pike", "Pond", "Pool", "Price", "Reed", "Rice", "Rose",
    "Sharp", "Snow", "Stone", "Swan", "Vale", "Ward", "Wells", "West", "Wood",
)  # fmt: skip
"""Family names; a person is a given name and one of these."""
ADJECTIVES: tuple[str, ...] = (
    "Ancient", "Black", "Blue", "Bold", "Broken", "Bright", "Clever", "Cold", "Crooked", "Dark", "Distant", "Empty",
    "Fallen", "Flying", "Golden", "Hidden", "Holy", "Hollow", "Lonely", "Lost", "Merry", "Narrow", "Old", "Patient",
    "Quiet", "Red", "Royal", "Secret", "Silent", "Silver", "Sleeping", "Small", "Stolen", "Strange", "Sunken",
    "Sweet", "Tall", "White", "Wild", "Winter",
)  # fmt: skip
NOUNS: tuple[str, ...] = (
    "Anchor", "Arrow", "Bridge", "Candle", "Castle", "Chain", "Clock", "Cloud", "Coast", "Crown", "Door", "Dragon",
    "Feather", "Forest", "Garden", "Gate", "Glove", "Island", "Kettle", "Ladder", "Lantern", "Letter", "Lion",
    "Mirror", "Mountain", "Orchard", "Pearl", "Picture", "River", "Road", "Sail", "Shadow", "Ship", "Song", "Spider",
    "Star", "Table", "Tower", "Voyage", "Window",
)  # fmt: skip
"""A book's title is an adjective and one of these."""
SUBJECTS: tuple[str, ...] = (
    "angels", "bees", "bells", "bread", "caves", "clouds", "coins", "comets", "deserts", "dreams", "fairs", "ferries",
    "floods", "ghosts", "giants", "harvests", "hunger", "kings", "maps", "mills", "music", "oceans", "pirates",
    "plagues", "poets", "prisons", "roads", "roses", "salt", "silk", "snow", "spies", "storms", "strikes", "tides",
    "trains", "wolves", "wars", "weather", "winters",
)  # fmt: skip

VALUES: dict[str, tuple[str, ...]] = {
    "town": _VALUES["town"],
    "trade": _VALUES["trade"],
    "instrument": _VALUES["instrument"],
    "dish": _VALUES["dish"],
    "pet": _VALUES["pet"],
    "subject": SUBJECTS,
    "printed": _VALUES["town"],
}
"""Attribute to the values that a person or a book may have; a book's writer is a person."""
