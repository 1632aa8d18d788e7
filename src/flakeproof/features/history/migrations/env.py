"""Alembic's entry: the connection comes from `flakeproof.features.history.database`."""

from alembic import context

from flakeproof.features.history.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
