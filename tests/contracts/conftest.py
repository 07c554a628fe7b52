import pytest

EXPENSIVE = ("test_fit", "test_a_resumed_training_is_the_uninterrupted_one", "test_export")


def pytest_collection_modifyitems(items):
    """Marks the checks that compile large graphs, which takes half a minute."""
    for item in items:
        if getattr(item.cls, "expensive", False) and item.originalname in EXPENSIVE:
            item.add_marker(pytest.mark.slow)
