"""One protocol; local Hugging Face models and OpenAI-compatible endpoints."""
