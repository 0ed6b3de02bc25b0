"""Operations on single tasks: enqueue, read, cancel, delete, run now."""
