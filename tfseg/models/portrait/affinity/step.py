"""From a foreground mask and boxes to one number per person: the affinity step."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np

from tfseg.errors import DataError
from tfseg.models.portrait.affinity import superpixels as slic
from tfseg.models.portrait.affinity.assign import assign_nodes, seed_nodes
from tfseg.models.portrait.affinity.boxes import Boxes, check_boxes, choose_boxes
from tfseg.models.portrait.affinity.config import AffinityConfig
from tfseg.models.portrait.affinity.histograms import chi_square, node_histograms
from tfseg.models.portrait.affinity.regions import Regions
from tfseg.models.portrait.affinity.runs import Runs
from tfseg.models.portrait.affinity.strays import adopt_strays
from tfseg.opencv import cv2

__all__ = ["Explanation", "explain", "split"]


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """A split and how it came about.

    Attributes:
        labels: int32 `(H, W)`, what `split` returns.
        boxes: The boxes that took part, best first.
        facts: Counts: `boxes`, `uncertain_pixels`, `superpixels`, `nodes`, `edges`,
            `uncertain_nodes`, `geodesics` (boxes that shortest paths were searched from),
            `unreached_nodes`, `stray_pixels`. What did not happen is 0.
        seconds: Time of each stage.
        window: `(y1, x1, y2, x2)` of what the graph was made for, or None without a graph.
        nodes: int32 of that window, the node of each pixel, 0 none; None without a graph.
    """

    labels: np.ndarray
    boxes: Boxes
    facts: Mapping[str, int]
    seconds: Mapping[str, float]
    window: tuple[int, int, int, int] | None = None
    nodes: np.ndarray | None = None


def split(
    image: np.ndarray,
    mask: np.ndarray,
    boxes,
    scores=None,
    *,
    config: AffinityConfig | None = None,
) -> np.ndarray:
    """Returns who each foreground pixel belongs to, int32 `(H, W)`: k for box k of those given,
    counted from 1, and 0 for nobody.

    The mask may come from any model. Pixels in one box are its person's. Pixels in several are
    gathered into superpixels and go to the box whose own pixels they are most like along a path
    through the foreground (Zhu et al., "Portrait instance segmentation for mobile devices", ICME
    2019). Without boxes, or without foreground, all is 0.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        mask: bool `(H, W)`, the foreground.
        boxes: float `(K, 4)`, `(y1, x1, y2, x2)` in pixels, ends exclusive, one a person; also
            beyond the image.
        scores: float `(K,)` in [0, 1]; None: all are equally sure.
        config: Settings.

    Raises:
        DataError: If shapes, types or numbers are not as described.
    """
    return explain(image, mask, boxes, scores, config=config).labels


def explain(
    image: np.ndarray,
    mask: np.ndarray,
    boxes,
    scores=None,
    *,
    config: AffinityConfig | None = None,
) -> Explanation:
    """Returns the same with what was done on the way; the arguments are those of `split`."""
    config = config or AffinityConfig()
    _check(image, mask)
    work = _Work(image, mask, config)
    boxes, scores = check_boxes(boxes, scores)
    chosen = choose_boxes(
        boxes,
        scores,
        mask.shape,
        score_threshold=config.score_threshold,
        nms_iou=config.nms_iou,
    )
    work.facts["boxes"] = len(chosen)
    if not len(chosen) or not mask.any():
        return Explanation(np.zeros(mask.shape, np.int32), chosen, work.facts, work.seconds)
    return work.run(chosen)


def _check(image, mask) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        found = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
        raise DataError(f"expected an RGB image uint8 (H, W, 3), got {found}.")
    if image.shape[2] != 3:
        raise DataError(
            f"expected an RGB image uint8 (H, W, 3), got {image.shape}. "
            "tfseg.data.images.images.to_rgb converts others."
        )
    if not isinstance(mask, np.ndarray) or mask.dtype != bool:
        found = getattr(mask, "dtype", type(mask).__name__)
        raise DataError(
            f"expected a foreground mask bool (H, W), got {found}. Of a class map take "
            "classes == 1."
        )
    if mask.shape != image.shape[:2]:
        raise DataError(
            f"the mask {mask.shape} and the image {image.shape[:2]} differ in size. Resize the "
            "mask to the image first."
        )


class _Work:
    """One image on its way through the steps."""

    def __init__(self, image: np.ndarray, mask: np.ndarray, config: AffinityConfig):
        self.image, self.mask, self.config = image, mask, config
        names = ("boxes", "uncertain_pixels", "superpixels", "nodes", "edges", "uncertain_nodes")
        names += ("geodesics", "unreached_nodes", "stray_pixels")
        self.facts, self.seconds = dict.fromkeys(names, 0), {}
        self._since = time.perf_counter()

    def _done(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._since
        self._since = now

    def run(self, boxes: Boxes) -> Explanation:
        """Returns the explanation for boxes that took part and a mask that is not empty."""
        regions = Regions(boxes, self.mask.shape)
        codes = regions.codes()
        codes[~self.mask] = 0
        pixels = np.bincount(codes.reshape(-1), minlength=len(regions.sizes))
        strays = int(np.count_nonzero(self.mask)) - int(pixels[1:].sum())
        self.facts["uncertain_pixels"] = int(pixels[regions.sizes > 1].sum())
        self.facts["stray_pixels"] = strays
        owners = np.append(boxes.places + 1, 0)[regions.owners].astype(np.int32)
        labels = owners[codes]
        self._done("regions")
        window = nodes = None
        if boxes.any_intersect() and self.facts["uncertain_pixels"]:
            window, nodes = self._share(boxes, regions, codes, pixels, labels)
        if strays and self.config.outside == "join":
            adopt_strays(labels, self.mask, boxes.places + 1)
            self._done("strays")
        return Explanation(labels, boxes, self.facts, self.seconds, window, nodes)

    def _share(self, boxes, regions, codes, pixels, labels) -> tuple:
        """Gives every uncertain pixel a label; returns the graph's window and nodes."""
        config = self.config
        inside, (y1, x1, y2, x2) = _with_uncertain(self.mask, (regions.sizes > 1)[codes])
        place = np.s_[y1:y2, x1:x2]
        area, whole = np.count_nonzero(inside), np.count_nonzero(self.mask)
        count = max(1, round(config.superpixel_count(*self.mask.shape) * area / whole))
        self._done("components")
        image = np.ascontiguousarray(self.image[place])
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        options = {"compactness": config.compactness, "iterations": config.iterations}
        if config.superpixels == "tiled":
            pieces = slic.slic(lab, inside, count, samples=config.samples, **options)
        else:
            pieces = slic.slic_of_scikit_image(image, inside, count, **options)
        self._done("superpixels")
        # Where a superpixel crosses the edge of a box, it falls into several nodes.
        kinds = len(regions.sizes)
        pieces *= kinds
        pieces += codes[place]
        runs = Runs(pieces)
        del pieces
        names = runs.joined(runs.pieces(runs.keys // kinds), area / count / 2)
        of_runs = runs.pieces(np.where(names, names * kinds + runs.keys % kinds, 0))
        nodes = runs.paint(of_runs)
        size = int(of_runs.max())
        candidates = np.empty((size + 1, len(boxes)), bool)
        candidates[of_runs] = regions.members[runs.keys % kinds]
        candidates = candidates[1:]
        first, second, _ = runs.borders(of_runs)
        self.facts.update(superpixels=int(names.max()), nodes=size, edges=len(first))
        self._done("nodes")
        histograms = node_histograms(
            lab,
            nodes,
            size,
            bins=config.bins,
            weights=config.weights,
            corner=(y1, x1),
            size=self.mask.shape,
        )
        lengths = chi_square(histograms[first], histograms[second]) + config.hop_cost
        self._done("histograms")
        centroids = runs.centroids(of_runs) + (y1, x1)
        seedless = pixels @ (regions.members & (regions.sizes == 1)[:, None]) == 0
        seeds = seed_nodes(candidates, centroids, boxes, seedless)
        edges = (first - 1, second - 1, lengths)
        owner, facts = assign_nodes(candidates, centroids, boxes, seeds, edges)
        self.facts.update(facts)
        table = np.append(boxes.places + 1, 0)[np.append(-1, owner)].astype(np.int32)
        np.copyto(labels[place], table[nodes], where=nodes > 0)
        self._done("geodesics")
        return (y1, x1, y2, x2), nodes


def _with_uncertain(mask: np.ndarray, uncertain: np.ndarray) -> tuple:
    """Returns the components of the mask that hold an uncertain pixel, cut to their bounding box:
    bool `(h, w)`, and the box."""
    _, names = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    chosen = np.zeros(int(names.max()) + 1, bool)
    chosen[names[uncertain]] = True
    inside = chosen[names]
    x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
    place = (y, x, y + height, x + width)
    return np.ascontiguousarray(inside[y : y + height, x : x + width]), place
