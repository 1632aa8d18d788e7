"""How the worker tells the coordinator which delays have taken place: by files in the folder of the run."""

PREFIX = "delay-took-place-"
"""Of their names; the number of the delay follows."""
