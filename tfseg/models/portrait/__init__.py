"""The portrait network: people cut out for phones, and one by one by the affinity step."""
