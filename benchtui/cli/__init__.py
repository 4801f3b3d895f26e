"""The command line: one file a command, loaded lazily; parsing and printing only."""

from benchtui.interpreter import forget_current_folder

forget_current_folder()  # before click or anything else that is installed is imported
