"""The embedded default: a closed world whose every fact is known."""
