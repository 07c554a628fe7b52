"""Open Images on disk as it is published, made of drawn clothing, so that the truth is exact."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfseg.data.images.images import turn
from tfseg.data.open_images import ConversionOptions, SelectionRules, convert_open_images
from tfseg.data.synthetic import SyntheticPeople

HEADER = ["MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax"]
HEADER += ["PredictedIoU", "Clicks"]
SUIT, DRESS, JEANS = "/m/01xyhv", "/m/01d40f", "/m/0fly7"
CLOTHING, PERSON, VEHICLE, CAR, SHORTS, TREE = (
    "/m/09j2d",
    "/m/01g317",
    "/m/07yv9",
    "/m/0k4j",
    "/m/01bfm9",
    "/m/07j7r",
)
GIRL, EYE = "/m/05r655", "/m/014sv8"
NAMES = {
    PERSON: "Person",
    CLOTHING: "Clothing",
    VEHICLE: "Vehicle",
    SUIT: "Suit",
    DRESS: "Dress",
    JEANS: "Jeans",
    SHORTS: "Shorts",
    CAR: "Car",
    TREE: "Tree",
    GIRL: "Girl",
    EYE: "Human eye",
}
# Entity, the root, has no name in the class descriptions, as published.
HIERARCHY = {
    "LabelName": "/m/0bl9f",
    "Subcategory": [
        {
            "LabelName": CLOTHING,
            "Subcategory": [
                {"LabelName": SUIT},
                {"LabelName": DRESS},
                {"LabelName": "/m/07mhn", "Subcategory": [{"LabelName": JEANS}]},
                {"LabelName": SHORTS},
            ],
        },
        {
            "LabelName": PERSON,
            "Subcategory": [{"LabelName": GIRL}],
            "Part": [{"LabelName": EYE}],
        },
        {"LabelName": VEHICLE, "Subcategory": [{"LabelName": CAR}]},
        {"LabelName": TREE},
    ],
}
# Orientation of the file whose stored pixels, turned by it, are a given image.
INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


class OpenImages:
    """A download of Open Images: change its lists, then `write`."""

    def __init__(self, folder):
        self.folder = folder
        self.lines: list[list[str]] = []
        self.masks: dict[str, bytes] = {}
        self.images: dict[str, bytes] = {}
        self.names_header: str | None = None
        self.truth: dict[str, list[tuple[str, np.ndarray]]] = {}

    def add_image(self, image_id, pixels, orientation=1):
        """Stores an image so that a viewer who obeys its tag sees `pixels`."""
        stored = turn(pixels, INVERSE[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(stored)).save(stream, "JPEG", quality=95, exif=exif)
        self.images[f"{image_id}.jpg"] = stream.getvalue()

    def add_mask(self, image_id, label, mask, *, box=None, name=None):
        """Stores a 1-bit mask with its line; returns the name of the file."""
        box_id = f"{len(self.lines):08x}"
        name = name or f"{image_id}_{label.replace('/', '')}_{box_id}.png"
        self.masks[name] = self.png(mask)
        self.lines.append(
            [name, image_id, label, box_id, *(box or box_of(mask)), "0.86864", CLICKS]
        )
        return name

    def add_drawn(self, image_id, sample, labels=(SUIT, DRESS, JEANS), scale=2, orientation=1):
        """Adds a drawn image with masks of `scale` times its size."""
        self.add_image(image_id, sample.image, orientation)
        truth = []
        for mask, number in zip(sample.masks, sample.class_ids):
            self.add_mask(image_id, labels[number - 1], enlarge(mask, scale))
            truth.append((labels[number - 1], mask))
        self.truth[image_id] = truth

    def write(self, zipped=False):
        """Writes everything in the published layout."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [",".join(cells) for cells in [HEADER, *self.lines]]
        self.csv.write_text("\n".join(lines) + "\n")
        names = [f"{mid},{name}" for mid, name in NAMES.items()]
        names = ([self.names_header] if self.names_header else []) + names
        (self.folder / "class-descriptions-boxable.csv").write_text("\n".join(names) + "\n")
        (self.folder / "bbox_labels_600_hierarchy.json").write_text(json.dumps(HIERARCHY))
        for archive, files in (("train-masks-f.zip", self.masks), ("train_f.zip", self.images)):
            if zipped:
                with zipfile.ZipFile(self.folder / archive, "w") as stream:
                    for name, data in files.items():
                        stream.writestr(name, data)
            else:
                (self.folder / archive[:-4]).mkdir(exist_ok=True)
                for name, data in files.items():
                    (self.folder / archive[:-4] / name).write_bytes(data)
        return self.folder

    @staticmethod
    def png(mask) -> bytes:
        """A 1-bit PNG, as the masks are published."""
        stream = io.BytesIO()
        Image.fromarray(np.asarray(mask, np.uint8) * 255).convert("1").save(stream, "PNG")
        return stream.getvalue()

    @staticmethod
    def rectangle(size, y1, x1, y2, x2):
        """A mask that covers one rectangle."""
        mask = np.zeros(size, bool)
        mask[y1:y2, x1:x2] = True
        return mask

    @staticmethod
    def grey(size, seed=0):
        """An image without anything on it."""
        noise = np.random.default_rng(seed).integers(60, 90, (*size, 1), np.uint8)
        return np.repeat(noise, 3, axis=2)

    def add_plain(self, image_id, label=SUIT, size=(48, 64), corners=(8, 10, 40, 30), **more):
        """Adds a grey image with one rectangular mask of its size; returns the mask's name."""
        self.add_image(image_id, self.grey(size), more.pop("orientation", 1))
        return self.add_mask(image_id, label, self.rectangle(size, *corners), **more)

    @property
    def csv(self):
        return self.folder / "train-annotations-object-segmentation.csv"


CLICKS = "0.95498 0.65197 1;0.89370 0.56579 1;0.94701 0.48968 0"


def enlarge(mask, scale):
    return mask.repeat(scale, axis=0).repeat(scale, axis=1)


def box_of(mask) -> list[str]:
    """`BoxXMin, BoxXMax, BoxYMin, BoxYMax` of a mask."""
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    sides = (columns.min() / width, (columns.max() + 1) / width)
    sides += (rows.min() / height, (rows.max() + 1) / height)
    return [f"{side:.6f}" for side in sides]


@pytest.fixture(scope="session")
def drawn():
    """Twelve drawn images of suits, dresses and jeans."""
    data = SyntheticPeople(
        12, size=(72, 96), seed=5, people=(1, 2), classes=("suit", "dress", "jeans")
    )
    return [data[index] for index in range(12)]


@pytest.fixture
def download(tmp_path):
    """An empty download."""
    return OpenImages(tmp_path / "openimages")


@pytest.fixture
def clothing(download, drawn):
    """The drawn images as a download of the F partition."""
    for number, sample in enumerate(drawn):
        download.add_drawn(f"f{number:015x}", sample)
    return download


@pytest.fixture
def convert(tmp_path):
    """Converts a download with few masks; returns the report."""

    def run(download, *, zipped=False, out="out", progress=None, **settings):
        download.write(zipped)
        known = {"min_masks": 1}
        rules = {f: settings.pop(f) for f in list(settings) if f in SelectionRules.__annotations__}
        # "masks" is an option of the form; every other name is of one kind only.
        return convert_open_images(
            download.folder,
            tmp_path / out,
            SelectionRules(**{**known, **rules}),
            ConversionOptions(**settings),
            progress,
        )

    return run
