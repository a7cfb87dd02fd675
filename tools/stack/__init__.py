"""Real servers on loopback from ordinary packages, without containers: for `make stack` and for tests."""
