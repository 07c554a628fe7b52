"""Reading ahead keeps the order, the errors and the bound."""

import threading
import time

import pytest

from tfseg.engine.ahead import prefetched, read_ahead


def test_values_come_in_their_order_and_few_are_read_ahead():
    begun, done, most = [], 0, 0

    def read(number):
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    reads = ((lambda k=k: read(k)) for k in range(40))
    for value in read_ahead(reads, 3):
        assert value == done
        done += 1
        most = max(most, len(begun) - done)
    assert done == 40 and 1 <= most <= 7
    begun.clear()
    first = read_ahead(((lambda k=k: read(k)) for k in range(9)), 0)
    next(first)
    assert begun == [0]


def test_a_thread_goes_ahead_stops_and_hands_on_errors():
    made = []

    def values():
        for number in range(100):
            made.append(number)
            if number == 50:
                raise ValueError("half way")
            yield number

    found = prefetched(values(), 4)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    time.sleep(0.05)
    assert len(made) <= 12
    with pytest.raises(ValueError, match="half way"):
        list(found)
    stopped = prefetched(iter(range(10**9)), 2)
    next(stopped)
    stopped.close()
    assert not any(thread.name == "tfseg-prefetch" for thread in threading.enumerate())
