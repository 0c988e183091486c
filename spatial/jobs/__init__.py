"""Long work as jobs in PostgreSQL: kinds, records, the queue of a kept library, the worker and what a running job is given."""
