"""`--race`: threads and tasks are switched as often, and as unexpectedly, as can be."""

from flakeproof.perturbations.perturbation import Kind, flag_words
from flakeproof.text import parse_flag

RACE = Kind("race", "race", parse_flag, flag_words("race"), only_python=True)
