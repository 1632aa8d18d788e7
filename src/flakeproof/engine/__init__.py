"""Run trials: lease them to processes, watch over them, account for every one."""
