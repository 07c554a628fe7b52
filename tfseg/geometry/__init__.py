"""Every change of size and place, with the exact way back."""
