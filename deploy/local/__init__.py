"""Runs TicketFlow on one machine: the embedded demo, and real servers for the tests."""
