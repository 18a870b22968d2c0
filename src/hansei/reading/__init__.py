"""Reading: better answers from passages."""
