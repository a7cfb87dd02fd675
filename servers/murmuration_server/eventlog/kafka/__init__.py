"""The log on Kafka. Needs the libraries of the extra `distributed`; import it only where the log is on Kafka."""
