"""What models make of single tokens: records, their store, and statistics over them; numpy only."""
