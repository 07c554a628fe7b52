"""From a trained portrait network to an int8 model for a telephone, and what that costs."""
