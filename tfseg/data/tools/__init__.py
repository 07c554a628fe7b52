"""Annotation tools' own files: VIA, labelme."""
