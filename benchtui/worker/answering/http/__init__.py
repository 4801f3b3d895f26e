"""What all backends share that ask a server over HTTP: one client, its patience, many requests at once."""
