"""Two models that write one text: rules of who writes the next token, how it is drawn, what it cost."""
