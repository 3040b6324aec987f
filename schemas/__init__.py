"""What all parts share: records, their wire format, units, errors and the catalogue of topics."""
