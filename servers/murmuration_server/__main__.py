"""`python -m murmuration_server` is `murmurd`."""

from murmuration_server.cli.app import main

if __name__ == "__main__":
    main()
