"""Images made of people cut out of others, with exact masks."""
