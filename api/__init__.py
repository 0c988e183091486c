"""The HTTP floor: the application, its routers by building block, and the command line."""
