"""Writes results where people read them: terminal tables, README sections, model cards, web pages, exports."""
