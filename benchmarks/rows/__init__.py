"""The measurements: one file each, named for what it measures."""
