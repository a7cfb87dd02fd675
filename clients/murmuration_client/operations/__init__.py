"""Each call of the API as a value: which method, with which request, and what of the response the caller gets.

A file for each service. The synchronous and the asyncio client make their calls from these, so that no request is
built twice.
"""
