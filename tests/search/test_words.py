"""What words mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pytest

from tfseg.errors import ConfigError
from tfseg.search import understand
from tfseg.search.synonyms import MEANINGS
from tfseg.structures import labels

CCIHP = {
    "attributes": labels.CCIHP_ATTRIBUTES[1:],
    "color": labels.CCIHP_COLORS[1:],
    "size": labels.CCIHP_SIZES[1:],
    "pattern": labels.CCIHP_PATTERNS[1:],
}
SHOES = ("left_shoe", "right_shoe")


def told(query, vocabulary=CCIHP):
    return [(one.attributes, dict(one.traits)) for one in understand(query, vocabulary)]


def test_things_traits_plurals_and_synonyms():
    assert told("red skirt") == [(("skirt",), {"color": ("red",)})]
    assert told("a person wearing a Red SKIRT") == told("skirts red") == told("red skirt")
    assert told("long dark coat and white shoes") == [
        (("coat",), {"size": ("long_large",), "color": ("dark",)}),
        (SHOES, {"color": ("light",)}),
    ]
    assert told("jeans, striped t-shirt") == [
        (("pants",), {}),
        (("upper_clothes",), {"pattern": ("geometrical",)}),
    ]
    assert told("black shorts") == [
        (("pants",), {"size": ("short_small",), "color": ("dark",)})
    ] or told("black shorts") == [(("pants",), {"color": ("dark",), "size": ("short_small",)})]
    assert told("red") == [((), {"color": ("red",)})]
    assert told("scarves with sunglasses") == [
        (("scarf",), {}),
        (("glasses",), {"color": ("dark",)}),
    ]
    assert told("green dress") == [(("skirt",), {"color": ("green",)})]
    assert told("upper-clothes") == [(("upper_clothes",), {})]
    # Two things without a word between them; one trait in two words.
    assert told("red hat blue coat") == [
        (("hat",), {"color": ("red",)}),
        (("coat",), {"color": ("blue",)}),
    ]
    assert told("red pink hat") == [(("hat",), {"color": ("red", "pink")})]


def test_a_models_own_names_outrank_synonyms():
    own = {"attributes": ("jeans", "cape"), "color": ("red", "sky_blue")}
    assert told("jeans", own) == [(("jeans",), {})]
    assert told("sky-blue capes", own) == [(("cape",), {"color": ("sky_blue",)})]
    with pytest.raises(
        ConfigError, match="'striped' means geometrical .pattern.*no patterns at all"
    ):
        told("striped cape", own)
    with pytest.raises(ConfigError, match="'coat' means coat.*it has jeans, cape"):
        told("coat", own)


def test_words_that_mean_nothing():
    with pytest.raises(ConfigError, match="'skrit' is nothing.*Did you mean 'skirt'.*hat, hair"):
        told("red skrit")
    with pytest.raises(ConfigError, match="'woman' is nothing that this model says of people"):
        told("woman with a hat")
    for empty in ("", "the person", "and, and"):
        with pytest.raises(ConfigError, match="names nothing to look for"):
            told(empty)


def test_every_word_means_something_to_the_published_names():
    for word in MEANINGS:
        assert understand(word, CCIHP), word
