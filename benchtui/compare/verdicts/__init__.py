"""Conclusions from a comparison: verdicts, corrections, claims and the gate."""
