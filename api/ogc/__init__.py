"""OGC API building blocks: Features, Tiles, Styles."""
