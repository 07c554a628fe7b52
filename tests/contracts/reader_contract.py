"""What every reader of datasets promises, run over one reader at a time.

For a reader of one's own: write a `Maker` that builds the tiny dataset below in its format, and
call `keeps_the_contract(maker, folder)` from a test. `toy_reader.py` beside this is an example.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg.data import (
    Cached,
    CocoDataset,
    Subset,
    check_dataset,
    open_dataset,
    read_image,
    write_coco,
)
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening import formats, sources
from tfseg.data.reading.format import Format
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample

SIZE = (50, 60)
# Image -> its objects, class and box (y1, x1, y2, x2), none hiding another.
PARTS = {
    "train": {
        "a": (("cat", (5, 6, 25, 30)), ("dog", (30, 10, 45, 40))),
        "b": (("cat", (8, 8, 40, 30)),),
    },
    "val": {"c": (("dog", (6, 20, 44, 50)),)},
}


@dataclasses.dataclass(frozen=True)
class Maker:
    """How the dataset above is written in one format, and what of it the reader can tell.

    Attributes:
        format: The reader's record.
        build: `build(folder, parts, turned)` writes it: `parts` as `PARTS`, images by
            `write_image(path, turned)`. None for datasets that are drawn: see `path`.
        options: Given to the reader.
        label: The one class of readers that know one.
        merged: Whether the objects of a class become one mask.
        exact: Whether masks are stored by the pixel, so that each pixel comes back.
        path: What is opened in place of a folder.
        objects: Whether there are any; images without objects have none.
    """

    format: Format
    build: Callable[[Path, Mapping, bool], None] | None = None
    options: Mapping = dataclasses.field(default_factory=dict)
    label: str | None = None
    merged: bool = False
    exact: bool = True
    path: str | None = None
    objects: bool = True

    def open(self, folder: Path, split: str = "train", **options):
        """Returns one part, opened through the door that users take."""
        given = {**self.options, **options}
        return open_dataset(self.path or folder, split=split, format=self.format, **given)

    def written(self, folder: Path, parts: Mapping = PARTS, turned: bool = False) -> Path:
        """Returns the folder with the dataset in it."""
        folder.mkdir()
        if self.build is not None:
            self.build(folder, parts, turned)
        return folder

    def truth(self, image: str, part: str = "train") -> list[tuple[str, np.ndarray]]:
        """Returns the class and the mask, bool `(H, W)`, of each object that is to be read."""
        written = PARTS[part][image] if self.objects else ()
        found = [(self.label or label, mask_of(box)) for label, box in written]
        if not self.merged:
            return found
        names = dict.fromkeys(label for label, _ in found)
        return [(n, np.any([m for label, m in found if label == n], axis=0)) for n in names]


def mask_of(box: tuple[int, int, int, int]) -> np.ndarray:
    """Returns a box as a mask, bool `(H, W)`."""
    mask = np.zeros(SIZE, bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


def write_image(path: Path, turned: bool = False) -> None:
    """Writes an image of noise, told by its name; turned ones lie on their side, with an EXIF tag
    that says so, and are seen upright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.stem.encode()))
    pixels = noise.integers(0, 256, (*SIZE, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    stored = np.rot90(pixels) if turned else pixels
    Image.fromarray(np.ascontiguousarray(stored)).save(path, quality=95, exif=exif.tobytes())


def keeps_the_contract(maker: Maker, folder: Path) -> None:
    """Runs every check; the one that fails is named by the traceback.

    Args:
        maker: The reader.
        folder: An empty one.
    """
    for number, check in enumerate(CHECKS):
        if maker.build is not None or check in (samples_are_sound, copies_are_equal, faults_of_use):
            home = folder / str(number)
            home.mkdir()
            check(maker, home)


def samples_are_sound(maker: Maker, folder: Path) -> None:
    """Length, kinds of arrays, ids, names, and positions from both ends."""
    dataset = check_dataset(maker.open(maker.written(folder / "x")))
    names, count = dataset.class_names, len(dataset)
    assert isinstance(names, tuple) and len(set(names)) == len(names) > 0
    assert type(dataset).__name__ in repr(dataset) and count >= 2
    every = list(dataset)  # ends by IndexError
    assert len(every) == count and len({sample.image_id for sample in every}) == count
    for sample in every:
        assert isinstance(sample, Sample) and sample.image.dtype == np.uint8
        assert sample.image.flags.c_contiguous and sample.image.shape == (*sample.size, 3)
        assert sample.class_ids.dtype == np.int32 and sample.masks.dtype == bool
        sample.check_class_ids(names)
        assert sample.masks.any(axis=(1, 2)).all()
        assert len(set(sample.annotation_ids.tolist())) == len(sample)
        for name, labels in sample.label_maps.items():
            kind = sample.label_map_kind(name)
            assert labels.dtype.kind in "iu" and labels.min() >= 0
            assert kind == getattr(dataset, "label_map_kinds", {}).get(name, kind)
            if kind.class_names:
                known = {*range(len(kind.class_names) + 1), kind.ignore}
                assert set(np.unique(labels).tolist()) <= known
    _assert_equal(dataset[-1], every[-1])
    _assert_equal(dataset[np.int64(0)], every[0])
    for position in (count, -count - 1):
        with pytest.raises(IndexError):
            dataset[position]


def truth_comes_back(maker: Maker, folder: Path) -> None:
    """Images, classes and masks are those that were written, and survive COCO's format."""
    home = maker.written(folder / "x")
    dataset = maker.open(home)
    for position, stem in enumerate(sorted(PARTS["train"])):
        sample = dataset[position]
        assert Path(sample.path).stem == stem and Path(sample.path).is_relative_to(home)
        np.testing.assert_array_equal(sample.image, read_image(sample.path))
        if hasattr(dataset, "image_path"):
            assert dataset.image_path(position) == sample.path
        _assert_truth(maker, dataset, sample, maker.truth(stem))
    copy = CocoDataset(write_coco(dataset, folder / "all.json"), folder)
    assert copy.class_names == tuple(dataset.class_names)
    for position in range(len(dataset)):
        np.testing.assert_array_equal(copy[position].masks, dataset[position].masks)
        np.testing.assert_array_equal(copy[position].class_ids, dataset[position].class_ids)


def parts_share_their_class_ids(maker: Maker, folder: Path) -> None:
    """A part with fewer classes numbers them alike, and a part that is not there is said so."""
    home = maker.written(folder / "x")
    train, val = maker.open(home), maker.open(home, "val")
    assert train.class_names == val.class_names and len(val) == 1
    _assert_truth(maker, val, val[0], maker.truth("c", "val"))
    with pytest.raises(DataError, match="nowhere|there is no"):
        maker.open(home, "nowhere")
    if maker.format.is_recognised and maker.format.name in formats.HOMES:
        assert sources.recognise(str(home)) == maker.format.name
        assert type(open_dataset(home, **maker.options)) is type(train)
    if "classes" in maker.format.options(0) and maker.label is None:
        chosen = maker.open(home, classes=("dog",))
        assert chosen.class_names == ("dog",)
        assert chosen[0].class_ids.tolist() == [1] and len(chosen[1]) == 0
        if "keep_empty" in maker.format.options(0):
            assert len(maker.open(home, classes=("dog",), keep_empty=False)) == 1


def copies_are_equal(maker: Maker, folder: Path) -> None:
    """Sent to another process, cached and in part, a dataset gives the same samples."""
    dataset = maker.open(maker.written(folder / "x"))
    sent, cached = pickle.loads(pickle.dumps(dataset)), Cached(dataset)
    for copy in (sent, cached, cached, Subset(dataset, [0])):
        assert tuple(copy.class_names) == tuple(dataset.class_names)
        _assert_equal(copy[0], dataset[0])


def turned_images_stand_upright(maker: Maker, folder: Path) -> None:
    """Images that a phone stored on their side are seen as their annotations are."""
    dataset = maker.open(maker.written(folder / "x", turned=True))
    for position, stem in enumerate(sorted(PARTS["train"])):
        assert dataset[position].size == SIZE
        _assert_truth(maker, dataset, dataset[position], maker.truth(stem))


def damage_is_named(maker: Maker, folder: Path) -> None:
    """A damaged image stops a strict reader; lenient ones leave it out, and the doctor lists it."""
    home = maker.written(folder / "x")
    healthy = diagnose(home, format=maker.format, **maker.options)
    assert healthy.ok and healthy.checked == 2, str(healthy)
    # Nothing can be learnt from images without objects alone, which is told.
    assert maker.objects or "no_objects" in {p.code for p in healthy.of("info")}
    broken = Path(maker.open(home)[0].path)
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=broken.name):
        maker.open(home)[0]
    diagnosis = diagnose(home, format=maker.format, **maker.options)
    assert not diagnosis.ok and broken.name in str(diagnosis)
    if "drop_invalid" in maker.format.options(0):
        rest = maker.open(home, drop_invalid=True)
        assert len(rest) == 1 and Path(rest[0].path).stem == "b"
        assert not diagnose(maker.open(home)).ok


def faults_of_use(maker: Maker, folder: Path) -> None:
    """Wrong words are said to be so: paths, folders, options."""
    home = maker.written(folder / "x")
    with pytest.raises(ConfigError, match="has no option 'clases'"):
        maker.open(home, clases=("cat",))
    if maker.path is None:
        (folder / "empty").mkdir()
        for place in (folder / "empty", folder / "gone"):
            with pytest.raises(DataError) as error:
                maker.open(place)
            assert str(place) in str(error.value)


def _assert_truth(maker: Maker, dataset, sample: Sample, truth: list) -> None:
    names = [dataset.class_names[number - 1] for number in sample.class_ids]
    assert sorted(names) == sorted(name for name, _ in truth)
    for name, mask in truth:
        found = [own for own, told in zip(sample.masks, names) if told == name]
        shares = [(own & mask).sum() / (own | mask).sum() for own in found]
        assert max(shares) == 1 if maker.exact else max(shares) > 0.9, (name, shares)


def _assert_equal(first: Sample, second: Sample) -> None:
    assert first.image_id == second.image_id and first.path == second.path
    for name in ("image", "class_ids", "masks", "boxes", "is_crowd", "annotation_ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.label_maps.keys() == second.label_maps.keys()
    for name, labels in first.label_maps.items():
        np.testing.assert_array_equal(labels, second.label_maps[name])
    assert first.label_map_kinds == second.label_map_kinds


CHECKS = (
    samples_are_sound,
    truth_comes_back,
    parts_share_their_class_ids,
    copies_are_equal,
    turned_images_stand_upright,
    damage_is_named,
    faults_of_use,
)
