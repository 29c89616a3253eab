"""What a load test starts: programs, by the module whose requests they serve."""

PROCESSES = {"catalog": "app.catalog.main", "lending": "app.lending.main"}
