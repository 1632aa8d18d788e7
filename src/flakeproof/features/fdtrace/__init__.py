"""Who opens, closes and uses which descriptor of a process, from strace's record of its system calls."""
