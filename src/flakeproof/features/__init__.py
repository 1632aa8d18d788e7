"""A folder for each feature: its decisions, its command, its wording. Only `cli`, the API and the plugin import it."""
