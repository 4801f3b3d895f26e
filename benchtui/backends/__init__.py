"""How a model is made to answer: which formats a backend takes and what it needs to load them."""
