import numpy as np
import pytest
import scipy.io
from each_case import each
from PIL import Image

from tfseg.data.published.clothing_co_parsing import ClothingCoParsingDataset
from tfseg.errors import DataError

TAGS = ("null", "bag", "blazer", "dress", "jeans", "skin", "suit")


def tag_map(*rectangles, size=(80, 50)):
    tags = np.zeros(size, np.uint8)
    for name, top, left, bottom, right in rectangles:
        tags[top:bottom, left:right] = TAGS.index(name)
    return tags


MAPS = {
    # An open jacket in two halves, jeans in two legs that a bag divides, and a crumb.
    "0001": tag_map(
        ("suit", 10, 5, 40, 20),
        ("skin", 10, 20, 40, 30),
        ("suit", 10, 30, 40, 42),
        ("jeans", 42, 10, 75, 20),
        ("jeans", 42, 25, 75, 35),
        ("jeans", 0, 48, 1, 49),
    ),
    "0002": tag_map(("dress", 10, 10, 60, 40), ("blazer", 10, 5, 30, 10)),
    "0003": tag_map(("skin", 5, 5, 20, 20)),
}


def write_names(root, names=TAGS):
    cells = np.empty((1, len(names)), object)
    cells[0] = [np.array([name]) for name in names]
    scipy.io.savemat(root / "label_list.mat", {"label_list": cells})


@pytest.fixture
def root(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "annotations" / "pixel-level").mkdir(parents=True)
    write_names(tmp_path)
    for identity, tags in MAPS.items():
        write_map(tmp_path, identity, tags)
        Image.new("RGB", tags.shape[::-1], "white").save(tmp_path / "photos" / f"{identity}.jpg")
    (tmp_path / "train.txt").write_text("0001\n0002\n")
    (tmp_path / "val.txt").write_text("0003\n")
    return tmp_path


def write_map(root, identity, tags, name="groundtruth"):
    scipy.io.savemat(root / "annotations" / "pixel-level" / f"{identity}.mat", {name: tags})


def areas(sample):
    return sample.masks.sum(axis=(1, 2)).tolist()


def test_a_garment_in_pieces_is_one_instance(root):
    dataset = ClothingCoParsingDataset(root)
    assert dataset.class_names == ("suit", "dress", "jeans")
    assert dataset.tags == TAGS
    assert dataset.image_ids == ("0001", "0002")
    first, second = dataset
    assert first.class_ids.tolist() == [1, 3]
    np.testing.assert_array_equal(first.masks[0], MAPS["0001"] == TAGS.index("suit"))
    assert areas(first)[1] == 2 * 33 * 10  # without the crumb
    assert first.boxes.tolist() == [[10, 5, 40, 42], [42, 10, 75, 35]]
    assert second.class_ids.tolist() == [2]
    assert first.path == str(root / "photos" / "0001.jpg")
    assert "2 photos" in repr(dataset)


def test_components_are_instances_largest_first(root):
    sample = ClothingCoParsingDataset(root, instances="components")[0]
    assert sample.class_ids.tolist() == [1, 1, 3, 3]
    assert areas(sample) == [450, 360, 330, 330]
    every = ClothingCoParsingDataset(root, instances="components", min_piece=0, min_area=0)[0]
    assert areas(every) == [450, 360, 330, 330, 1]
    large = ClothingCoParsingDataset(root, instances="components", min_area=400)[0]
    assert areas(large) == [450]


def test_classes_and_synonyms(root):
    dataset = ClothingCoParsingDataset(root, classes=("dress",))
    assert [sample.class_ids.tolist() for sample in dataset] == [[], [1]]
    merged = ClothingCoParsingDataset(
        root, classes=("outfit", "bag"), synonyms={"outfit": ("dress", "blazer")}
    )
    assert merged.class_names == ("outfit", "bag")
    assert areas(merged[1]) == [50 * 30 + 20 * 5]
    single = ClothingCoParsingDataset(root, classes=("robe",), synonyms={"robe": "dress"})
    assert areas(single[1]) == [1500]


def test_splits(root):
    assert ClothingCoParsingDataset(root, "val").image_ids == ("0003",)
    assert ClothingCoParsingDataset(root, "val.txt").image_ids == ("0003",)
    assert ClothingCoParsingDataset(root, "all").image_ids == ("0001", "0002", "0003")
    assert ClothingCoParsingDataset(root, [2, "0003"]).image_ids == ("0002", "0003")
    (root / "mine").mkdir()
    (root / "mine" / "list.txt").write_text("0003 0001")
    assert ClothingCoParsingDataset(root, root / "mine" / "list.txt").image_ids == ("0003", "0001")
    assert ClothingCoParsingDataset(root, "all", keep_empty=False).image_ids == ("0001", "0002")
    assert len(ClothingCoParsingDataset(root, "val")[0]) == 0


def test_tag_maps_on_request(root):
    assert ClothingCoParsingDataset(root)[0].label_maps == {}
    labels = ClothingCoParsingDataset(root, label_maps=("tags",))[0].label_maps["tags"]
    np.testing.assert_array_equal(labels, MAPS["0001"])
    assert labels.dtype == np.int32


@each(
    ("options", "message"),
    [
        ({"classes": ("suit", "jean")}, "no tag 'jean'. Did you mean 'jeans'.*bag, blazer"),
        ({"classes": ("null",)}, "no tag 'null'"),
        ({"classes": "suit"}, "tuple of names"),
        ({"classes": ()}, "at least one"),
        ({"classes": ("suit", "suit")}, "different"),
        ({"synonyms": {"suits": ("suit",)}}, "'suits', which is none of the classes"),
        ({"synonyms": {"suit": ("suit", "dress")}}, "'dress' is part of two classes"),
        ({"synonyms": {"suit": ("suit", "blazers")}}, "Did you mean 'blazer'"),
        ({"split": "test"}, r"no split 'test'.*test\.txt.*train\.txt, val\.txt"),
        ({"split": 5}, "split name"),
        ({"split": []}, "no ids"),
        ({"split": ["0001", 1]}, "'0001' is listed twice"),
        (
            {"split": ["0009"]},
            r"'0009' is listed, but there is no .*0009\.jpg.*2 files are missing",
        ),
        ({"instances": "parts"}, "'whole' or 'components'"),
        ({"label_maps": ("hair",)}, "label_maps"),
        ({"label_maps": "tags"}, "label_maps"),
    ],
)
def test_settings_are_checked(root, options, message):
    with pytest.raises(DataError, match=message):
        ClothingCoParsingDataset(root, **options)


def test_missing_folder_and_names(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        ClothingCoParsingDataset(tmp_path / "none")
    with pytest.raises(DataError, match="label_list.mat: there is no such file"):
        ClothingCoParsingDataset(tmp_path)
    write_names(tmp_path, ("null",))
    with pytest.raises(DataError, match="2 to 256 tag names"):
        ClothingCoParsingDataset(tmp_path)
    write_names(tmp_path, ("null", "a", "a"))
    with pytest.raises(DataError, match="different tag names"):
        ClothingCoParsingDataset(tmp_path)
    write_names(tmp_path)
    with pytest.raises(DataError, match="annotations.*no such folder"):
        ClothingCoParsingDataset(tmp_path, "all")


def test_a_missing_map(root):
    (root / "annotations" / "pixel-level" / "0002.mat").unlink()
    with pytest.raises(DataError, match=r"'0002' is listed, but there is no .*0002\.mat"):
        ClothingCoParsingDataset(root)


def test_maps_that_cannot_be_used(root):
    dataset = ClothingCoParsingDataset(root)
    write_map(root, "0001", MAPS["0001"][:, 1:])
    with pytest.raises(DataError, match=r"0001\.jpg: the photo has 80 x 50.*has 80 x 49"):
        dataset[0]
    write_map(root, "0001", np.full((80, 50), 7, np.uint8))
    with pytest.raises(DataError, match=r"0001\.mat: expected tag numbers 0 to 6, got 7 to 7"):
        dataset[0]
    write_map(root, "0001", np.full((80, 50), np.nan))
    with pytest.raises(DataError, match=r"0001\.mat: expected whole numbers"):
        dataset[0]
    write_map(root, "0001", MAPS["0001"], name="labels")
    with pytest.raises(DataError, match=r"0001\.mat: expected the variable 'groundtruth'"):
        dataset[0]
    for damaged in (b"", b"no mat file at all" * 20):
        (root / "annotations" / "pixel-level" / "0001.mat").write_bytes(damaged)
        with pytest.raises(DataError, match=r"0001\.mat: cannot be read as a MATLAB file"):
            dataset[0]
    (root / "photos" / "0002.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0002\.jpg: the file is empty"):
        dataset[1]


def test_maps_of_doubles_as_matlab_writes_them(root):
    write_map(root, "0001", MAPS["0001"].astype(np.int64))
    assert areas(ClothingCoParsingDataset(root)[0]) == [810, 660]
    write_map(root, "0001", MAPS["0001"].astype(np.float64))
    assert areas(ClothingCoParsingDataset(root)[0]) == [810, 660]


@pytest.fixture
def photos(real_data):
    folder = real_data / "clothing_co_parsing"
    if not folder.is_dir():
        pytest.skip(f"no clothing photographs at {folder}")
    return folder


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("instances", "expected"), [("whole", (12, 32, 19)), ("components", (19, 38, 24))]
)
def test_the_counts_that_the_documentation_states(photos, instances, expected):
    dataset = ClothingCoParsingDataset(photos, "val", instances=instances)
    ids = np.concatenate([sample.class_ids for sample in dataset])
    assert tuple(np.bincount(ids, minlength=4)[1:]) == expected
    empty = ClothingCoParsingDataset(photos, "val", keep_empty=False)
    assert (len(dataset), len(dataset) - len(empty)) == (120, 62)
    assert len(ClothingCoParsingDataset(photos)) == 714


@pytest.mark.real_data
def test_masks_are_the_pixels_of_their_tags(photos):
    dataset = ClothingCoParsingDataset(
        photos, "val", classes=("jeans",), min_piece=0, min_area=0, keep_empty=False
    )
    for index in range(0, len(dataset), 4):
        tags = scipy.io.loadmat(
            photos / "annotations" / "pixel-level" / f"{dataset.image_ids[index]}.mat"
        )["groundtruth"]
        np.testing.assert_array_equal(dataset[index].masks[0], tags == dataset.tags.index("jeans"))
