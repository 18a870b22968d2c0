"""Passages, and finding those that may answer a question: lexical and dense search."""
