"""Test support: real servers, builders, the reference model, the whole keyspace. Services never import it."""
