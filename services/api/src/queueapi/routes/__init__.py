"""The routes, one module per group. Each builds its handlers around what it is given."""
