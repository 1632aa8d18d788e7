"""Run trials: lease them to processes, watch the processes, account for every trial."""
