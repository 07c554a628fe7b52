"""Published datasets in the layout of their authors."""
