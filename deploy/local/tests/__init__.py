"""Tests of the local runtime: real processes and real servers."""
