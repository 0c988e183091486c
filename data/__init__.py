"""Reading, checking, loading and exporting a city's data, and making the sample city."""
