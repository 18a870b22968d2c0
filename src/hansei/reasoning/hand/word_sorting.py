"""Word sorting: the words in alphabetical order."""


def solve(words):
    """The words, sorted, in one line."""
    return " ".join(sorted(words))
