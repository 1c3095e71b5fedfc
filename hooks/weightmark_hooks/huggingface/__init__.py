"""Where huggingface calls us."""
