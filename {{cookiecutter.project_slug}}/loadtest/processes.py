"""What a load test starts: programs, by the module whose requests they serve; `*` is every other one."""

PROCESSES = {"*": "app.main"}
