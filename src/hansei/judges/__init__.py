"""Exact, rules, model-as-judge; and how far each can be trusted."""
