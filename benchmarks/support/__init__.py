"""What several benches need: load, machine, processes, pages."""
