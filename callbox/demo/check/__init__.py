"""What a run left on the broker and in files, held against what the scenario says."""
