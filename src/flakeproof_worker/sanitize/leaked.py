"""How a leak gets out of the trial that has made it."""

from flakeproof_worker.sanitize.sighting import Sighting


class LeakedError(Exception):
    """The trial has passed and has left something behind; whether that is a failure, `fails` says."""

    def __init__(self, sightings: list[Sighting], *, fails: bool) -> None:
        more = f" (and {len(sightings) - 1} more)" if len(sightings) > 1 else ""
        super().__init__(sightings[0].text + more)
        self.sightings = sightings
        self.fails = fails
