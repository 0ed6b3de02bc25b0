"""Text of the metrics of all queues, rendered again for changed queues only, and sent in chunks."""
