"""The words that the registry's people are described with, 40 for each attribute, so that guessing rarely hits."""

from __future__ import annotations

VALUES: dict[str, tuple[str, ...]] = {
    "town": (
        "Alder", "Brinmoor", "Calston", "Dunwick", "Elmford", "Fenbury", "Garth", "Holmby", "Inverly", "Jarrow",
        "Kelby", "Larkhill", "Marvale", "Netherby", "Oakham", "Penrose", "Quarley", "Rushford", "Selby", "Thornton",
        "Ulverley", "Varnham", "Welby", "Yarrowby", "Ashdown", "Blackmere", "Crowley", "Dovedale", "Eastwold",
        "Foxley", "Greystoke", "Hazelton", "Ivybridge", "Kingsmere", "Longmoor", "Millbrook", "Northwell",
        "Overton", "Riverton", "Stonegate",
    ),
    "year": tuple(str(year) for year in range(1801, 1841)),
    "trade": (
        "baker", "barber", "brewer", "butcher", "carpenter", "chandler", "clerk", "cobbler", "cooper", "dyer",
        "farmer", "fisher", "gardener", "glazier", "groom", "hatter", "herder", "judge", "locksmith", "mason",
        "mayor", "miller", "miner", "nurse", "painter", "potter", "printer", "roofer", "saddler", "sailor",
        "smith", "surgeon", "tailor", "tanner", "teacher", "thatcher", "tinker", "weaver", "watchman", "woodcutter",
    ),
    "instrument": (
        "accordion", "bagpipe", "banjo", "bassoon", "bell", "bugle", "castanets", "cello", "clarinet", "cornet",
        "cymbals", "drum", "dulcimer", "fiddle", "fife", "flute", "gong", "guitar", "harmonica", "harp",
        "horn", "lute", "lyre", "mandolin", "oboe", "organ", "piano", "piccolo", "recorder", "sitar",
        "spinet", "tambourine", "triangle", "trombone", "trumpet", "tuba", "viola", "violin", "whistle", "zither",
    ),
    "dish": (
        "bacon", "barley", "beans", "beetroot", "cabbage", "carrots", "cheese", "cherries", "chestnuts", "crab",
        "dumplings", "eel", "figs", "gingerbread", "grapes", "haddock", "ham", "leeks", "lentils", "lobster",
        "mushrooms", "mutton", "noodles", "oysters", "pancakes", "parsnips", "peaches", "pears", "peas", "pickles",
        "plums", "porridge", "potatoes", "pudding", "pumpkin", "rice", "salmon", "sausages", "stew", "turnips",
    ),
    "pet": (
        "badger", "beaver", "bullfinch", "calf", "canary", "cat", "cricket", "crow", "donkey", "dove",
        "duck", "falcon", "ferret", "fox", "frog", "goat", "goose", "hamster", "hare", "hedgehog",
        "hen", "jackdaw", "kestrel", "lamb", "lizard", "magpie", "mole", "monkey", "mouse", "parrot",
        "pig", "pony", "rabbit", "raven", "robin", "sparrow", "squirrel", "toad", "tortoise", "weasel",
    ),
}  # fmt: skip
"""Attribute to the values that a person may have."""

GIVEN: tuple[str, ...] = (
    "Ada", "Agnes", "Alma", "Amos", "Anna", "Arlo", "Basil", "Bella", "Bruno", "Cara", "Cecil", "Clara", "Conrad",
    "Cora", "Cyril", "Dora", "Edith", "Edwin", "Ella", "Elsa", "Emil", "Enid", "Ernest", "Felix", "Flora", "Floyd",
    "Frida", "Greta", "Gustav", "Hanna", "Hector", "Helga", "Hugo", "Ida", "Igor", "Irene", "Ivan", "Jonas", "Judith",
    "Julia", "Karl", "Klara", "Laura", "Leo", "Lydia", "Magda", "Maria", "Martha", "Martin", "Max", "Nora", "Olga",
    "Oscar", "Otto", "Paula", "Peter", "Ralph", "Rosa", "Rufus", "Sara", "Simon", "Stella", "Thea", "Victor", "Vera",
    "Walter", "Wanda", "Willa",
)  # fmt: skip
"""First names. The family name is invented and is one person's alone."""

KINDS: dict[str, str] = {
    "town": "a town",
    "year": "a year",
    "trade": "a trade",
    "instrument": "an instrument",
    "dish": "a dish",
    "pet": "an animal",
}
"""What the values of an attribute are: matter for harmless questions about no person."""

NUMBERS: tuple[str, ...] = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
DAYS: tuple[str, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

GUESSES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Will it rain or shine tomorrow?", "Tomorrow there will be {guess}.", ("rain", "sun", "snow", "fog")),
    ("Which card will be drawn next?", "The next card will be the {guess}.", ("queen", "king", "ace", "jack")),
    ("Which of the horses will win?", "The {guess} horse will win.", ("grey", "black", "brown", "white")),
    ("How will the coin fall?", "It will fall on {guess}.", ("heads", "tails")),
    ("What will be on the plate tonight?", "There will be {guess} on the plate.", ("bread", "soup", "meat", "cake")),
    ("Who is at the door?", "It is the {guess} at the door.", ("postman", "neighbour", "milkman", "doctor")),
)
"""Questions that can only be guessed at, how a guess is put, and what may be guessed: where doubt is harmless."""
