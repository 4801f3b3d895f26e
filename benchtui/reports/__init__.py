"""Results where people look: terminal tables, README sections, model cards."""
