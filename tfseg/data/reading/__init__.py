"""What all readers share: classes, faults, orientation, names of files."""
