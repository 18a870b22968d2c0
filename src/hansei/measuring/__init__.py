"""Measures a model, a benchmark or a text, and says how far the number can be believed."""
