"""Inside `tfseg/data` every import points down: a reader knows none of the doors above it."""

import package_tree

import tfseg.data

# Each room may import those of earlier lines, and itself. Files of `data/` are rooms of their own.
ROOMS = [
    ("dataset", "loader", "images", "synthetic"),
    ("reading", "aligned", "augment"),
    ("coco", "masks"),
    ("voc", "tools", "published", "open_images", "composites"),
    ("writing",),
    ("opening",),
    ("doctor",),
]
LEVELS = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def test_no_room_of_data_imports_one_above_it():
    upward = []
    for path in package_tree.sources():
        parts = path.relative_to(package_tree.PACKAGE).with_suffix("").parts
        if parts[0] != "data" or parts[1] == "__init__":
            continue
        room = parts[1]
        assert room in LEVELS, f"{room}: say in ROOMS where it lies"
        for one in package_tree.imports(package_tree.tree(path)):
            module = one.module.removeprefix("tfseg.data.")
            words = tfseg.data._HOMES.get(module, one.module).split(".")  # public names are lazy
            other = words[2] if words[:2] == ["tfseg", "data"] and len(words) > 2 else room
            if other != room and LEVELS.get(other, -1) >= LEVELS[room]:
                upward.append(f"{package_tree.name(path)}:{one.line} imports {one.module}")
    assert not upward, "\n".join(upward)
