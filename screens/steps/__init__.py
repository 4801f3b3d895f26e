"""The questions of the wizard, one file each."""
