"""What stores in a CQL database (ScyllaDB, Cassandra) share: the session, its failures, migrations, sums of rows.

The driver is imported here and in the stores' `cql.py` only, and those are imported only where they are configured.
"""
