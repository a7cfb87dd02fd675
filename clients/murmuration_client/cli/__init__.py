"""`murmur`, the command line."""
