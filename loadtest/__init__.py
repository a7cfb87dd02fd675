"""Load for a Murmuration system: the workload model, the demo, and Locust.

It comes with a checkout, not with the installed package: its graphs lie beside it in loadtest/data.
"""
