"""The terminal application: draws what the engine knows and passes on what the user wants; computes nothing itself."""
