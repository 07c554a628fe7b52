"""Drawn people: images with every annotation that the systems need, from nothing but a seed."""

from tfseg.data.synthetic.dataset import SyntheticPeople
from tfseg.data.synthetic.outfit import GARMENTS

__all__ = ["GARMENTS", "SyntheticPeople"]
