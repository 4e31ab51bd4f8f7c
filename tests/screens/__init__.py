"""`make screens`: a picture of each page, on a phone and on a desk, from a demo of its own."""
