"""The ways in which a process runs its trials: one after the other, in threads, in asyncio tasks, in forks."""
