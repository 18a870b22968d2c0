"""hansei: finds what a language model gets wrong, explains why, teaches it not to, and proves that it worked."""

__version__ = "0.1.0"
