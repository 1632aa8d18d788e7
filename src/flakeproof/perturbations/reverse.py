"""`--reverse`: the tests of a pass from the last to the first."""

from flakeproof.perturbations.perturbation import Kind, flag_words
from flakeproof.text import parse_flag

REVERSE = Kind("reverse", "reverse", parse_flag, flag_words("reverse"), only_tests=True, excludes="shuffle")
