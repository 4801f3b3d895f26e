"""A chat as Markdown, messages and HTML; what a blind vote has found."""
