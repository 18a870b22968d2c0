"""Truth: tuning for factuality, stated confidence, and demonstrations."""
