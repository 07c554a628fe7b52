"""The command line: one file a verb, each with the same words as the Python interface."""
