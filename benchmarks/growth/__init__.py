"""What Taskyard costs as it grows: from a small store to a large one, along one dimension at a time."""
