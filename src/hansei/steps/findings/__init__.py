"""Findings of other tools as hansei's own records: one file a format."""
