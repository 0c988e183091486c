"""The screens: static files served under ``/static``; no Python code lives here (design §7)."""
