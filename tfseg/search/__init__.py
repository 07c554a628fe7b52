"""People found by what they wear: parsings kept in a file, words, and a page of what was found.

`ParsingIndex` keeps what a model said about the images of a folder, `understand` turns words into
what to look for, `save_gallery` shows the hits. `check_images` refuses a folder without images.
"""

from tfseg.search.database import check_images
from tfseg.search.index import Change, Hit, ParsingIndex
from tfseg.search.page import save_gallery
from tfseg.search.words import Wanted, understand

__all__ = ["Change", "Hit", "ParsingIndex", "Wanted", "check_images", "save_gallery", "understand"]
