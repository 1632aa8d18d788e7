"""Bookings of a hotel."""

from datetime import date


def nights(arrival: date, departure: date) -> int:
    """How many nights are paid for."""
    return (departure - arrival).days
