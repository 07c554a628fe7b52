"""Image files and arrays: formats, channels, orientation."""
