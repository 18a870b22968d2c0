"""Mistake analysis and its baselines."""
