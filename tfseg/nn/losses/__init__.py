"""Pure functions from predictions and targets to a scalar."""
