"""Which code owns each descriptor, and which code closes one that it does not own; modelled on Android's fdsan."""
