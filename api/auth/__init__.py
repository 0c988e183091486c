"""Who asks: credentials, sessions over HTTP, log-in, one's own account. What the counters are stands in ``api.access``."""
