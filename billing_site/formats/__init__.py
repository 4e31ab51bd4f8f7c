"""How dates and hours are shown to staff: short, so that a list has room for the rest (FORMAT_MODULE_PATH)."""
