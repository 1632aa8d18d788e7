"""Bookings of a hotel."""

import time
from datetime import date

DAY = 24 * 60 * 60
"""Seconds."""


def midnight(day: date) -> float:
    """When a day begins at the hotel, in seconds since the epoch."""
    return time.mktime(day.timetuple())


def nights(arrival: date, departure: date) -> int:
    """How many nights are paid for."""
    return int((midnight(departure) - midnight(arrival)) / DAY)  # guilty
