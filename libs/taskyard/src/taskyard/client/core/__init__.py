"""The core of the clients: requests, answers, repeats and waits, without I/O."""
