"""What commands share: files, choices, times and text for people."""
