"""What is asked of an aggregator: markets, agents and the feeder that they share."""
