"""The right: who may see and do what, where; kept as data, compiled per account, enforced in the database."""
