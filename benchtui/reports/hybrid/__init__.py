"""What a sweep over thresholds found: tables, curves and pages."""
