"""Task queues side by side: each answers the same few questions, in an interpreter of its own."""
