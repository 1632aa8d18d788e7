"""Store the record of a run: its folder, its log, its specification."""
