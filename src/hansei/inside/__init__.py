"""Inside: which features and concepts a model works with."""
