"""Moving pictures and all their annotations together: resizing, and random changes."""
