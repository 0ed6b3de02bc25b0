"""Request and response bodies: structs, parsing and views."""
