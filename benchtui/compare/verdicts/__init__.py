"""What a comparison says: verdicts, corrections, claims and the gate."""
