"""What two-stage systems share."""
