"""What a load test starts, by the module whose requests it serves: a process a service."""

PROCESSES = {"catalog": "app.catalog.main", "lending": "app.lending.main"}
