"""``taskyard dev``: the stack for the author of an app, whose worker is replaced when a source file is saved."""
