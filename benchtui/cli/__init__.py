"""The command line: one file a command, loaded lazily; parsing and printing only."""
