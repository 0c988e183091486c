"""Reading foreign files: an allow-list of formats, opened in a limited child process, nothing repaired on the way."""
