"""Running the database: the embedded server, preparation, schedules, integrity, benchmarks."""
