"""What the other folders share."""
