"""The questions before a run and what can be answered to each, the same for the full screen and for plain prompts."""
