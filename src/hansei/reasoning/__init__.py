"""Better answers by reasoning: contrastive chain-of-thought, and templates of thoughts."""
