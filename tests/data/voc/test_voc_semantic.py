"""Class maps of VOC, of the augmented set, and of SBD's own files."""

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening import sources
from tfseg.data.voc.voc_files import VOC_CLASSES
from tfseg.data.voc.voc_semantic import VocSegmentationDataset
from tfseg.errors import DataError

SIZE = (60, 80)
DOG, PERSON = 12, 15
MAP = np.zeros(SIZE, np.uint8)
MAP[9:41, 9:31] = 255
MAP[10:40, 10:30] = PERSON
MAP[30:50, 50:70] = DOG


def indexed(array):
    image = Image.fromarray(array).convert("P")
    image.putdata(array.ravel().tolist())
    table = np.zeros((256, 3), np.uint8)
    table[DOG], table[PERSON], table[255] = (64, 0, 128), (192, 128, 128), (224, 224, 192)
    image.putpalette(table.ravel().tolist())
    return image


def sbd_struct(array):
    kind = [("Boundaries", "O"), ("Segmentation", "O"), ("CategoriesPresent", "O")]
    struct = np.zeros((1, 1), kind)
    struct[0, 0] = (np.zeros((20, 1), object), array, np.unique(array))
    return {"GTcls": struct}


@pytest.fixture
def root(tmp_path, photo):
    """One image of VOC's train, one of its val, and two that only others annotated."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    names = ("2007_000032", "2007_000033", "2008_000002", "2008_000003")
    for number, name in enumerate(names):
        photo(root / "JPEGImages" / f"{name}.jpg", seed=number)
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for part, members in (("train", names[:1]), ("val", names[1:2]), ("trainval", names[:2])):
        (lists / f"{part}.txt").write_text("\n".join(members))
    (root / "SegmentationClass").mkdir()
    for name in names[:2]:
        indexed(MAP).save(root / "SegmentationClass" / f"{name}.png")
    return root


@pytest.fixture
def augmented(root):
    (root / "SegmentationClassAug").mkdir()
    for name in ("2007_000032", "2008_000002", "2008_000003"):
        grey = np.where(MAP == 255, 0, MAP)
        Image.fromarray(grey).save(root / "SegmentationClassAug" / f"{name}.png")
    lines = [
        f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png"
        for name in ("2007_000032", "2008_000002", "2008_000003")
    ]
    (root / "ImageSets" / "Segmentation" / "trainaug.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def sbd(tmp_path):
    home = tmp_path / "benchmark_RELEASE" / "dataset"
    (home / "cls").mkdir(parents=True)
    for name in ("2007_000033", "2008_000002", "2008_000003"):
        scipy.io.savemat(home / "cls" / f"{name}.mat", sbd_struct(np.where(MAP == 255, 0, MAP)))
    (home / "train.txt").write_text("2008_000002\n2007_000033\n")
    (home / "val.txt").write_text("2008_000003\n")
    return home


def test_classes_and_void(root):
    assert VOC_CLASSES[DOG - 1] == "dog" and len(VOC_CLASSES) == 20
    for split, count in (("train", 1), ("val", 1), ("trainval", 2), ("all", 2)):
        dataset = VocSegmentationDataset(root, split)
        assert len(dataset) == count and dataset.class_names == VOC_CLASSES
    sample = dataset[0]
    np.testing.assert_array_equal(sample.label_maps["classes"], MAP)
    assert sample.class_ids.tolist() == [DOG, PERSON]
    np.testing.assert_array_equal(sample.masks, [MAP == DOG, MAP == PERSON])


def test_the_augmented_list_and_its_maps(augmented):
    dataset = VocSegmentationDataset(augmented.parent.parent)
    assert dataset.image_ids == ("2007_000032", "2008_000002", "2008_000003")
    assert dataset[0].label_maps["classes"].max() == PERSON  # the augmented map goes first
    assert VocSegmentationDataset(augmented, "train")[0].label_maps["classes"].max() == 255
    assert (VocSegmentationDataset(augmented, "val")[0].label_maps["classes"] == MAP).all()


def test_sbds_files_without_a_list_leave_vocs_val_out(root, sbd):
    dataset = VocSegmentationDataset(root, sbd=sbd)
    assert dataset.image_ids == ("2007_000032", "2008_000002", "2008_000003")
    np.testing.assert_array_equal(dataset[0].label_maps["classes"], MAP)
    np.testing.assert_array_equal(dataset[1].label_maps["classes"], np.where(MAP == 255, 0, MAP))
    with pytest.raises(DataError, match="no split 'trainaug'.*SBD.*sbd="):
        VocSegmentationDataset(root)
    with pytest.raises(DataError, match="Check sbd"):
        VocSegmentationDataset(root, sbd=root / "nowhere")


def test_people_alone_train_a_portrait_network(root):
    sample = VocSegmentationDataset(root, "train", classes=("person",))[0]
    expected = np.select([MAP == PERSON, MAP == 255], [1, 255], 0)
    np.testing.assert_array_equal(sample.label_maps["classes"], expected)
    assert sample.class_ids.tolist() == [1]
    animals = VocSegmentationDataset(
        root, "train", classes=("animal",), synonyms={"animal": ("dog", "cat")}
    )
    assert (animals[0].label_maps["classes"] == 1).sum() == (MAP == DOG).sum()
    assert len(VocSegmentationDataset(root, "train", classes=("sofa",), keep_empty=False)) == 0
    assert len(VocSegmentationDataset(root, "train", classes=("dog",), keep_empty=False)) == 1


def test_it_is_recognised(root, augmented):
    assert sources.recognise(str(root)) == "voc_semantic"
    (root / "SegmentationObject").mkdir()
    assert sources.recognise(str(root)) == "voc"
    assert sources.recognise(str(root), "trainaug") == "voc_semantic"
    opened = sources.open_dataset(root, split="val", format="voc_semantic", classes=("person",))
    assert isinstance(opened, VocSegmentationDataset) and len(opened) == 1


def test_faults_are_named(root, photo):
    with pytest.raises(DataError, match="no split 'dev'"):
        VocSegmentationDataset(root, "dev")
    with pytest.raises(DataError, match="no folder SegmentationClass or SegmentationClassAug"):
        VocSegmentationDataset(root / "ImageSets")
    listed = root / "ImageSets" / "Segmentation" / "train.txt"
    listed.write_text("2007_000032\n2009_000001\n")
    with pytest.raises(DataError, match="no file of the image '2009_000001'"):
        VocSegmentationDataset(root, "train")
    photo(root / "JPEGImages" / "2009_000001.jpg")
    with pytest.raises(DataError, match=r"there is no .*2009_000001\.png"):
        VocSegmentationDataset(root, "train")
    indexed(np.full(SIZE, 33, np.uint8)).save(root / "SegmentationClass" / "2009_000001.png")
    with pytest.raises(DataError, match="got 33"):
        VocSegmentationDataset(root, "train")[1]
    assert (
        VocSegmentationDataset(root, "train", drop_invalid=True)[1].label_maps["classes"].tolist()
        == np.full(SIZE, 255).tolist()
    )
    found = diagnose(root, split="train")
    assert [p.code for p in found.of("error")] == ["unknown_label"]
    listed.write_text("")
    with pytest.raises(DataError, match="the list is empty"):
        VocSegmentationDataset(root, "train")


def test_a_damaged_file_of_sbd(root, sbd):
    scipy.io.savemat(sbd / "cls" / "2008_000002.mat", {"GTcls": np.zeros((3, 3))})
    (sbd / "cls" / "2008_000003.mat").write_bytes(b"no")
    dataset = VocSegmentationDataset(root, sbd=sbd)
    with pytest.raises(DataError, match=r"000002\.mat: expected whole numbers"):
        dataset[1]
    with pytest.raises(DataError, match=r"000003\.mat: cannot be read as a MATLAB file"):
        dataset[2]
