"""Lessons to student, over TRL and PEFT; pre-training of small bases."""
