"""What objects wear and show, in words: "person 2: long dark coat, solid; blue pants"."""

from __future__ import annotations

from tfseg.structures import rle
from tfseg.structures.attributes import Attribute
from tfseg.structures.labels import CCIHP_ATTRIBUTES, CCIHP_CHARACTERIZED

__all__ = ["attribute_words", "describe", "spoken"]

# Bare skin: everybody has it, so that it tells nobody apart.
_SKIN = set(CCIHP_ATTRIBUTES[1:]) - {CCIHP_ATTRIBUTES[number] for number in CCIHP_CHARACTERIZED}
# Of a pair such as "short_small" the first word is for what is long, the second for these.
_COMPACT = {"hat", "glasses", "mask", "socks", "glove"}
_SIZES = {"short_small": ("short", "small"), "long_large": ("long", "large")}
_WORDS = {
    "pants": "trousers",
    "undetermined": "",
    "sparse_bald": "sparse",
    "medium": "grey",
    "multicolor": "multicoloured",
    "geometrical": "geometrical pattern",
    "fancy": "fancy pattern",
    "letters": "with letters",
}
_SIDES = ("left_", "right_")
_LEAST_SHARE = 0.01


def describe(prediction, *, least_share: float = _LEAST_SHARE) -> list[str]:
    """Returns a sentence for each object, in the order of the rows, the largest attribute first.

    Left and right of a pair that are alike are said once. Bare skin is left out, and so is what is
    as good as invisible. Who wears nothing that was recognised is described as "person 2: nothing
    recognised". Without attributes at all, a sentence is the class's name and the number.

    Args:
        prediction: A `Prediction`.
        least_share: Attributes with a smaller share of their object's pixels are left out.
    """
    sentences = []
    for number, name in enumerate(prediction.names, 1):
        head = f"{spoken(name)} {number}"
        if prediction.attributes is None:
            sentences.append(head)
            continue
        area = rle.area([prediction.rles[number - 1]])[0]
        words = _of_one(prediction.attributes[number - 1], least_share * area)
        sentences.append(f"{head}: {'; '.join(words) or 'nothing recognised'}")
    return sentences


def spoken(name: str) -> str:
    """Returns a name of a class or a value as it is said: "upper_clothes" is "upper clothes";
    empty for what says nothing, such as the size "undetermined"."""
    return _WORDS.get(name, name).replace("_", " ")


def attribute_words(attribute: Attribute, *, side: bool = True) -> str:
    """Returns one attribute with its traits: "long dark coat, solid".

    Args:
        attribute: The attribute.
        side: Whether the left of a pair is told from the right.
    """
    traits = {respect: trait.value for respect, trait in attribute.traits.items()}
    name = attribute.name
    size = traits.get("size", "")
    if size in _SIZES:
        size = _SIZES[size][_without_side(name) in _COMPACT]
    noun = spoken(name if side else _without_side(name))
    words = [spoken(size), spoken(traits.get("color", "")), noun]
    text = " ".join(word for word in words if word)
    pattern = spoken(traits.get("pattern", ""))
    # Hair is always plain.
    return f"{text}, {pattern}" if pattern and name != "hair" else text


def _of_one(attributes: tuple[Attribute, ...], least: float) -> list[str]:
    """Returns the words of one object's attributes."""
    seen = [(_area(one), one) for one in attributes if one.name not in _SKIN]
    seen = [(area, one) for area, one in seen if area is None or area >= least]
    seen.sort(key=lambda pair: -(pair[0] or 0))
    words, said = [], set()
    for _, one in seen:
        twin = next((other for _, other in seen if _are_a_pair(one, other)), None)
        plain = attribute_words(one, side=False)
        if twin is not None and attribute_words(twin, side=False) == plain:
            noun = spoken(_without_side(one.name))
            plain = plain.replace(noun, f"{noun}s", 1)
        elif twin is not None:
            plain = attribute_words(one)
        if plain not in said:
            words.append(plain)
            said.add(plain)
    return words


def _area(attribute: Attribute) -> int | None:
    return None if attribute.rle is None else int(rle.area([attribute.rle])[0])


def _without_side(name: str) -> str:
    for side in _SIDES:
        if name.startswith(side):
            return name[len(side) :]
    return name


def _are_a_pair(one: Attribute, other: Attribute) -> bool:
    stem = _without_side(one.name)
    return stem == _without_side(other.name) and {one.name, other.name} == {
        f"{side}{stem}" for side in _SIDES
    }
