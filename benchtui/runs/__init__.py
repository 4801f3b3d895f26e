"""A run is a directory: its plan, its events, its journal, and the supervisor that starts and ends its worker."""
