"""Foreground that no box holds: it joins the person most of its component belongs to."""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2

__all__ = ["adopt_strays"]

_AT_ONCE = 1 << 20


def adopt_strays(labels: np.ndarray, mask: np.ndarray, order: np.ndarray) -> None:
    """Labels, in place, each foreground pixel without label as most of its component is labelled;
    it stays 0 where the component has no label at all.

    Args:
        labels: int32 `(H, W)`, 0 for no label.
        mask: bool `(H, W)`, the foreground; components are 8-connected.
        order: int `(K,)`, the labels that occur; of equally many pixels the earlier wins.
    """
    _, names = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    count = int(names.max()) + 1
    strays = mask & (labels == 0)
    asking, answering = np.zeros(count, bool), np.zeros(count, bool)
    asking[names[strays]] = True
    answering[names[labels > 0]] = True
    both = asking & answering
    if not both.any():
        return
    number = np.cumsum(both) - 1
    rank = np.zeros(int(order.max()) + 1, np.int64)
    rank[order] = np.arange(len(order))
    votes = np.zeros(int(both.sum()) * len(order), np.int64)
    band = max(1, _AT_ONCE // mask.shape[1])
    for top in range(0, len(mask), band):
        name, label = names[top : top + band], labels[top : top + band]
        counted = both[name] & (label > 0)
        keys = number[name[counted]] * len(order) + rank[label[counted]]
        votes += np.bincount(keys, minlength=len(votes))
    winner = np.zeros(count, labels.dtype)
    winner[both] = order[votes.reshape(-1, len(order)).argmax(axis=1)]
    labels[strays] = winner[names[strays]]
