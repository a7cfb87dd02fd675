"""`murmurd`, the operator's program: a file for each command, put together in app.py."""
