"""What is on disk: trained models, their formats, and the base model each was trained from."""
