"""The cheapest one-to-one assignment of targets to queries, computed inside the graph.

Shortest augmenting paths with potentials, as Jonker and Volgenant (1987) and Crouse (On
implementing 2D rectangular assignment algorithms, 2016) describe it, for many problems at once: in
each step of one loop every problem settles one more query of its own search, so that the loop is
as long as the slowest problem and not as the sum of all. Shapes are fixed: XLA and JAX compile it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from tfseg.errors import ConfigError

__all__ = ["assign"]

_LARGEST = 1e30  # sums of N costs stay finite in float32
_BITS = 30  # of an int32, for sets of queries


class _Search(NamedTuple):
    """State of P problems of N targets and Q queries.

    Attributes:
        owner: int32 `(P, Q)`, the target that has this query, or -1.
        price: float32 `(P, Q)`, the potentials of the queries.
        waiting: bool `(P, N)`, targets that have no query yet; the first one is being searched for.
        row: int32 `(P,)`, the target that the search stands at.
        entry: bool `(P, Q)`, the query through which the search came to it, none at the start.
        length: float32 `(P,)`, length of the way to it.
        distance: float32 `(P, Q)`, length of the shortest way to each query known so far.
        before: int32 `(P, Q)`, the target before the query on that way.
        path: int32 `(P, Q, W)`, the queries on that way, with the query itself, a bit for each.
        here: int32 `(P, W)`, the queries on the way to the target.
        settled: bool `(P, Q)`, queries whose shortest way is known.
    """

    owner: object
    price: object
    waiting: object
    row: object
    entry: object
    length: object
    distance: object
    before: object
    path: object
    here: object
    settled: object


def assign(cost, valid):
    """Returns which query each target gets, int32 `(..., N)`, so that the sum of costs is smallest.

    Every valid target gets a query of its own; -1 where a target is padding. Of several assignments
    that cost the same, one is taken, always the same one. The sum is the smallest up to float32's
    rounding. No gradient goes through.

    NaN and positive infinity cost more than any assignment without them: such a pair is taken only
    where no other assignment exists. Negative infinity costs less than any without it. Finite costs
    beyond 1e30 count as 1e30.

    Args:
        cost: float `(..., Q, N)`; each leading place is a problem of its own.
        valid: bool `(..., N)`, False for padded targets.

    Raises:
        ConfigError: If there are more targets than queries.
    """
    *lead, queries, targets = cost.shape
    if queries is None or targets is None or targets > queries:
        raise ConfigError(
            f"expected costs of (..., queries, targets) with no more targets than queries; got "
            f"{tuple(cost.shape)}. Keep the largest targets, or give the network more queries."
        )
    if targets == 0:
        return ops.zeros((*ops.shape(cost)[:-2], 0), dtype="int32")
    cost = ops.stop_gradient(ops.cast(cost, "float32"))
    cost = ops.reshape(ops.swapaxes(cost, -1, -2), (-1, targets, queries))
    waiting = ops.reshape(ops.cast(valid, "bool"), (-1, targets))
    cost = _finite(cost, waiting)
    final = ops.while_loop(
        lambda *state: ops.any(state[2]),
        lambda *state: _step(cost, _Search(*state)),
        _begin(cost, waiting),
        maximum_iterations=targets * targets,
    )
    owned = final[0][:, None, :] == ops.arange(targets, dtype="int32")[None, :, None]
    query = ops.cast(ops.argmax(owned, axis=2), "int32")
    query = ops.where(ops.any(owned, axis=2), query, -1)
    sizes = [ops.shape(valid)[axis] for axis in range(len(lead))]
    return ops.reshape(query, (*sizes, targets))


def _finite(cost, valid):
    """Returns costs without NaN and infinities, `(P, N, Q)`."""
    usable = ops.logical_and(ops.isfinite(cost), valid[..., None])
    clipped = ops.clip(ops.where(usable, cost, 0.0), -_LARGEST, _LARGEST)
    high = ops.max(clipped, axis=(1, 2), keepdims=True)
    low = ops.min(clipped, axis=(1, 2), keepdims=True)
    gap = (high - low + 1.0) * (cost.shape[1] + 1)
    lowest = ops.logical_and(ops.isinf(cost), cost < 0)
    odd = ops.where(lowest, low - gap, high + gap)
    return ops.where(ops.isfinite(cost), clipped, odd)


def _begin(cost, waiting):
    """Gives each target its cheapest query where no earlier target wants the same one.

    Prices are 0, so these pairs satisfy the conditions of the best assignment.
    """
    targets, queries = cost.shape[1:]
    places = ops.arange(queries, dtype="int32")
    wanted = ops.cast(ops.argmin(cost, axis=2), "int32")[..., None] == places
    wanted = ops.logical_and(wanted, waiting[..., None])
    first = ops.cast(ops.argmax(wanted, axis=1), "int32")
    owner = ops.where(ops.any(wanted, axis=1), first, -1)
    has = ops.any(owner[:, None, :] == ops.arange(targets, dtype="int32")[None, :, None], axis=2)
    waiting = ops.logical_and(waiting, ops.logical_not(has))
    none = ops.zeros_like(owner) > 0
    number = ops.zeros_like(cost[:, 0, :])
    words = -(-queries // _BITS)
    return _Search(
        owner=owner,
        price=number,
        waiting=waiting,
        row=_first(waiting),
        entry=none,
        length=number[:, 0],
        distance=number + math.inf,
        before=ops.zeros_like(owner) - 1,
        path=ops.repeat(ops.zeros_like(owner)[..., None], words, axis=2),
        here=ops.repeat(ops.zeros_like(owner)[:, :1], words, axis=1),
        settled=none,
    )


def _first(waiting):
    return ops.cast(ops.argmax(waiting, axis=1), "int32")


def _step(cost, at: _Search) -> _Search:
    """Goes on by one query in every problem; where that query is free, its target gets one."""
    targets, queries = cost.shape[1:]
    places = ops.arange(queries, dtype="int32")
    rows = ops.reshape(cost, (-1, queries))
    offset = ops.arange(ops.shape(cost)[0], dtype="int32") * targets
    reduced = ops.take(rows, offset + at.row, axis=0) - at.price
    # A target's potential is the reduced cost of the pair that it is in.
    own = ops.sum(ops.where(at.entry, reduced, 0.0), axis=1)
    way = (at.length - own)[:, None] + reduced
    better = ops.logical_and(way < at.distance, ops.logical_not(at.settled))
    distance = ops.where(better, way, at.distance)
    before = ops.where(better, at.row[:, None], at.before)
    path = ops.where(better[:, :, None], at.here[:, None, :] + _itself(queries), at.path)

    open_distance = ops.where(at.settled, math.inf, distance)
    length = ops.min(open_distance, axis=1)
    # Of several as near, a free one: it ends the search.
    rank = ops.where(open_distance <= length[:, None], ops.where(at.owner < 0, 2, 1), 0)
    entry = ops.cast(ops.argmax(rank, axis=1), "int32")[:, None] == places
    row = ops.max(ops.where(entry, at.owner, -1), axis=1)
    here = ops.sum(ops.where(entry[:, :, None], path, 0), axis=1)
    found = ops.logical_and(row < 0, ops.any(at.waiting, axis=1))

    # Where the query is free: everything on the way to it moves on by one.
    flip = ops.logical_and(_members(here, queries), found[:, None])
    owner = ops.where(flip, before, at.owner)
    paid = ops.logical_and(at.settled, found[:, None])
    price = ops.where(paid, at.price - (length[:, None] - distance), at.price)
    start = _first(at.waiting)[:, None] == ops.arange(targets, dtype="int32")
    done = ops.logical_and(start, found[:, None])
    waiting = ops.logical_and(at.waiting, ops.logical_not(done))
    on = ops.logical_not(found)
    return _Search(
        owner=owner,
        price=price,
        waiting=waiting,
        row=ops.where(found, _first(waiting), ops.maximum(row, 0)),
        entry=ops.logical_and(entry, on[:, None]),
        length=ops.where(found, 0.0, length),
        distance=ops.where(found[:, None], math.inf, distance),
        before=before,
        path=path,
        here=ops.where(found[:, None], 0, here),
        settled=ops.logical_and(ops.logical_or(at.settled, entry), on[:, None]),
    )


def _itself(queries: int):
    """Returns the set of each query alone, int32 `(Q, W)`."""
    place = np.arange(queries)
    bits = np.zeros((queries, -(-queries // _BITS)), np.int32)
    bits[place, place // _BITS] = 1 << (place % _BITS)
    return bits


def _members(words, queries: int):
    """Returns which queries are in a set, bool `(P, Q)`, of int32 `(P, W)`."""
    place = np.arange(queries)
    spread = ops.take(words, (place // _BITS).astype(np.int32), axis=1)
    return ops.bitwise_and(spread, (1 << (place % _BITS)).astype(np.int32)) != 0
