"""The registry: a layer is data. One TOML file declares it; table, tiles, collection, form and legend follow."""
