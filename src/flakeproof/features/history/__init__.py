"""Over the weeks: results of many jobs in a database, and what they tell of each test: `flakeproof history`."""
