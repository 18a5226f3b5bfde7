"""What a clustering means."""
