"""From files and data frames to numbers."""
