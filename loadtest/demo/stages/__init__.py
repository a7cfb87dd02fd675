"""The parts of the demo, one a file: each shows one thing and answers its checks."""
