"""Which reader fits a folder or a file, and which part of it is meant."""
