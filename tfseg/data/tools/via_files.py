"""What a file of VIA holds, whichever version wrote it: entries of images, region attributes."""

from __future__ import annotations

from tfseg.data.images.json_file import read_json
from tfseg.data.tools.via_3 import entries_of, is_via_3
from tfseg.data.tools.via_csv import read_csv
from tfseg.errors import DataError

__all__ = ["choose_attribute", "options_of", "read_entries", "regions_of"]


def read_entries(path: str) -> tuple[list, dict, list[str]]:
    """Returns the entries of images, the region attributes, and folders to look for images.

    Raises:
        DataError: The file cannot be read, or is none of VIA's.
    """
    places: list[str] = []
    if path.lower().endswith(".csv"):
        return read_csv(path), {}, places
    content = read_json(path)
    if is_via_3(content):
        entries, attributes = entries_of(content)
        return entries, attributes, places
    attributes = None
    if isinstance(content, dict) and "_via_img_metadata" in content:
        settings = content.get("_via_settings")
        core = settings.get("core") if isinstance(settings, dict) else None
        core = core if isinstance(core, dict) else {}
        more = core.get("filepath")
        own = [core.get("default_filepath"), *(more if isinstance(more, dict) else ())]
        places += [place for place in own if isinstance(place, str) and place]
        declared = content.get("_via_attributes")
        attributes = declared.get("region") if isinstance(declared, dict) else None
        content = content["_via_img_metadata"]
    if not isinstance(content, dict) or (
        content and not any(isinstance(e, dict) and "regions" in e for e in content.values())
    ):
        raise DataError(
            f"{path}: expected a project of VIA 1 to 3, or the annotations of VIA 1 or 2: an "
            "object with an entry of 'filename' and 'regions' for each image. Export them again."
        )
    return list(content.values()), attributes if isinstance(attributes, dict) else {}, places


def regions_of(entry) -> list:
    """Returns the regions of an entry in order, whichever version wrote it."""
    regions = entry.get("regions") if isinstance(entry, dict) else None
    if isinstance(regions, dict):
        return list(regions.values())
    return regions if isinstance(regions, list) else []


def choose_attribute(
    path: str, entries: list, declared: dict, name: str | None, group: str
) -> str | None:
    """Returns the region attribute that names the class: `name`, else the only one with values.

    Args:
        path: The file, for messages.
        entries: Its images.
        declared: The attributes that it declares.
        name: The one asked for, or None.
        group: The one that joins regions, which is no class.

    Raises:
        DataError: `name` is not among them, or several might be it.
    """
    used: dict[str, dict] = {str(attribute): {} for attribute in declared}
    for region in (region for entry in entries for region in regions_of(entry)):
        attributes = region.get("region_attributes") if isinstance(region, dict) else None
        for key, value in (attributes if isinstance(attributes, dict) else {}).items():
            used.setdefault(str(key), {}).update({str(value): None} if value else {})
    if name is not None:
        if name not in used:
            raise DataError(
                f"{path}: no region has the attribute {name!r}; there are "
                f"{', '.join(used) or 'none'}. Correct class_attribute."
            )
        return name
    used.pop(group, None)
    filled = [key for key, values in used.items() if values]
    if len(filled) == 1:
        return filled[0]
    if len(used) > 1:
        shown = "; ".join(f"{key} ({', '.join(list(v)[:4])})" for key, v in used.items())
        raise DataError(
            f"{path}: several region attributes might name the class: {shown}. Say which: "
            f"class_attribute={next(iter(used))!r}."
        )
    return next(iter(used), None)


def options_of(declared: dict, attribute: str | None) -> tuple[str, ...] | None:
    """Returns the values that an attribute may have, or None if any text will do."""
    details = declared.get(attribute)
    options = details.get("options") if isinstance(details, dict) else None
    if not isinstance(options, dict) or details.get("type") == "text":
        return None
    return tuple(options)
