"""What all commands share: text files, options, times, and text for people."""
