"""The HTTP edge of Taskyard: services post, watch and control tasks through it."""
