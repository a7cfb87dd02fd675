"""What `make bench` measures: the goals, the harness, and a measurement for each goal."""
