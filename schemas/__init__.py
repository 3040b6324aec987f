"""The language everyone speaks: records, their wire format, units, errors and the catalogue of topics."""
