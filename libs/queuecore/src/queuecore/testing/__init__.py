"""For tests: a store on a real server, tasks, the whole keyspace. Services never import it."""
