"""`make bench`: the product against the limit that its own database sets, on this machine."""
