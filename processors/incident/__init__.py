"""The life of an incident: how it is raised, which facts join it, what is reported of it, and how it ends."""
