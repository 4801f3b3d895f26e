"""What commands share in using a terminal: print, ask, be detached from it, be shown in a browser instead."""
