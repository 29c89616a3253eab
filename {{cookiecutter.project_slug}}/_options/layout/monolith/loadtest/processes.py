"""What a load test starts, by the module whose requests it serves: one process serves them all."""

PROCESSES = {"*": "app.main"}
