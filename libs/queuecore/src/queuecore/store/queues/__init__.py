"""Operations on whole queues and the directory of workers and task types."""
