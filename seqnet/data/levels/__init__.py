"""What a text is cut into: one file a level."""
