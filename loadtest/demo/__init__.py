"""`murmurd demo`: a minute that shows what the system does, and that it is right.

It uses what any caller has: murmuration_client, /metrics and signals to the processes it started.
"""
