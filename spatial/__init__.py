"""The database floor: settings, cluster, tables, geometry gate, cities and queries. Knows nothing of HTTP."""
