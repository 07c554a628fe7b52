import pytest

TRAINING = ("test_fit", "test_a_resumed_training_is_the_uninterrupted_one")


def pytest_collection_modifyitems(items):
    """Marks the checks that train networks for half a minute."""
    for item in items:
        if getattr(item.cls, "expensive", False) and item.originalname in TRAINING:
            item.add_marker(pytest.mark.slow)
