"""Reading what pools need to know over HTTP: the queues' metrics and the workers' registrations."""
