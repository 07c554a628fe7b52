"""What is wrong with a dataset, and what a network would see of it."""
